//! Clerk's own SDK for Node, unchanged, against the emulator.

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use clerk_emulator::{Emulator, EmulatorConfig};
    use tokio::net::TcpListener;
    use tokio::sync::OnceCell;

    static INSTALLED: OnceCell<PathBuf> = OnceCell::const_new();

    #[tokio::test(flavor = "multi_thread")]
    async fn the_official_sdk_works_unchanged() {
        drive("sdk.test.mjs", EmulatorConfig::dev(11)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_official_sdk_signs_people_in_as_in_development() {
        drive("development.test.mjs", EmulatorConfig::dev(12)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_official_sdk_signs_people_in_as_in_production() {
        let mut config = EmulatorConfig::dev(13);
        config.secret_key = config.secret_key.replace("sk_test_", "sk_live_");
        config.publishable_key = format!("pk_live_{}", STANDARD.encode("clerk.example.com$"));
        drive("production.test.mjs", config).await;
    }

    async fn drive(script: &'static str, mut config: EmulatorConfig) {
        let folder = INSTALLED.get_or_init(install).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
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
        run("node", &["--test", script], folder, &environment).await;
        clerk.shutdown().await;
    }

    async fn install() -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk");
        if !folder.join("node_modules/@clerk/backend").exists() {
            run("npm", &["ci", "--no-audit", "--no-fund", "--ignore-scripts"], &folder, &[]).await;
        }
        folder
    }

    async fn run(
        program: &'static str,
        arguments: &[&'static str],
        folder: &Path,
        environment: &[(&str, String)],
    ) {
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
