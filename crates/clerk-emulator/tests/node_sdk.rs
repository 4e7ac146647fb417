//! Clerk's own SDK for Node, unchanged, against the emulator.

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::{Command, Stdio};

    use clerk_emulator::{Emulator, EmulatorConfig};
    use tokio::net::TcpListener;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_official_sdk_works_unchanged() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk");
        if !folder.join("node_modules/@clerk/backend").exists() {
            run("npm", &["ci", "--no-audit", "--no-fund", "--ignore-scripts"], &folder, &[]).await;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = EmulatorConfig::dev(11);
        config.requests_per_10s = Some(10_000);
        let clerk = Emulator::start(config, listener).unwrap();
        let environment = [
            ("CLERK_API_URL", clerk.url()),
            ("CLERK_SECRET_KEY", clerk.config().secret_key.clone()),
            ("CLERK_PUBLISHABLE_KEY", clerk.config().publishable_key.clone()),
            ("CLERK_WEBHOOK_SIGNING_SECRET", clerk.config().webhook_secrets[0].clone()),
            ("CLERK_JWT_KEY", clerk.signing_key().await.unwrap().public_pem().unwrap()),
            ("NO_PROXY", "127.0.0.1".to_owned()),
        ];
        run("node", &["--test", "sdk.test.mjs"], &folder, &environment).await;
        clerk.shutdown().await;
    }

    async fn run(program: &'static str, arguments: &[&str], folder: &Path, environment: &[(&str, String)]) {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).stdin(Stdio::null());
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        // The emulator must go on answering meanwhile.
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
        let output = output.unwrap_or_else(|error| {
            panic!("{program} cannot be run ({error}); this test needs Node.js 20 or newer, and npm")
        });
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{program} {arguments:?} failed\n{}\n{}",
            text(&output.stdout),
            text(&output.stderr)
        );
    }
}
