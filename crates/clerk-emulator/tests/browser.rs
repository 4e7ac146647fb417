//! The emulator's pages in a real Chromium, beside an app that uses Clerk's own SDK.

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use clerk_emulator::{Emulator, EmulatorConfig};
    use tokio::net::TcpListener;

    #[tokio::test(flavor = "multi_thread")]
    async fn people_walk_through_the_pages_as_in_development_and_in_production() {
        let chromium = chromium();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
        if !folder.join("node_modules/playwright-core").exists() {
            run("npm", &["ci", "--no-audit", "--no-fund", "--ignore-scripts"], &folder, &[]).await;
        }
        let mut production = EmulatorConfig::dev(22);
        production.secret_key = production.secret_key.replace("sk_test_", "sk_live_");
        production.publishable_key = format!("pk_live_{}", STANDARD.encode("clerk.example.com$"));
        for mut config in [EmulatorConfig::dev(21), production] {
            config.requests_per_10s = Some(10_000);
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let clerk = Emulator::start(config, listener).unwrap();
            let environment = [
                ("CLERK_API_URL", clerk.url()),
                ("CLERK_SECRET_KEY", clerk.config().secret_key.clone()),
                ("CLERK_PUBLISHABLE_KEY", clerk.config().publishable_key.clone()),
                ("CHROMIUM_PATH", chromium.display().to_string()),
                ("NO_PROXY", "127.0.0.1,localhost".to_owned()),
            ];
            run("node", &["--test", "pages.test.mjs"], &folder, &environment).await;
            clerk.shutdown().await;
        }
    }

    #[expect(clippy::disallowed_methods, reason = "where the browser is differs between machines")]
    fn chromium() -> PathBuf {
        let path =
            PathBuf::from(std::env::var_os("CHROMIUM_PATH").unwrap_or_else(|| "/usr/bin/chromium".into()));
        assert!(
            path.exists(),
            "there is no Chromium at {}; this test needs one: install it, or set CHROMIUM_PATH",
            path.display()
        );
        path
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
