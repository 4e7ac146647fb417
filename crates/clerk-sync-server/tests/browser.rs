//! `clerk-sync dev`, and the pages of the service, in a real Chromium.

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::io::{BufRead, BufReader};
    use std::path::{Path, PathBuf};
    use std::pin::Pin;
    use std::process::{Child, Command, Stdio};
    use std::sync::Arc;

    use clerk_emulator::{Clock, Emulator, EmulatorConfig, SystemClock};
    use serde_json::Value;
    use sqlx::Connection as _;

    /// A program that ends with the test, however that ends.
    struct Program(Child);

    impl Drop for Program {
        fn drop(&mut self) {
            // It may have ended by itself.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// `clerk-sync dev`, and where everything of it is.
    struct Dev {
        addresses: Value,
        database: String,
        _program: Program,
    }

    impl Dev {
        /// `heals`: flow E runs as it does by default, instead of leaving what a test breaks.
        fn start(folder: &Path, heals: bool) -> Self {
            let mut command = Command::new(env!("CARGO_BIN_EXE_clerk-sync"));
            let database = format!("sqlite://{}", folder.join("dev.db").display());
            command.args(["dev", "--port", "0", "--json", "--database-url", &database]);
            command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped());
            if !heals {
                command.env("CLERK_SYNC_CATCH_UP_EVERY", "off").env("CLERK_SYNC_SCRUB_EVERY", "off");
            }
            let mut program = Program(command.spawn().expect("clerk-sync starts"));
            let mut line = String::new();
            let stdout = program.0.stdout.take().expect("it was piped");
            BufReader::new(stdout).read_line(&mut line).expect("its output can be read");
            let addresses = serde_json::from_str(&line)
                .unwrap_or_else(|error| panic!("clerk-sync dev printed {line:?} first ({error})"));
            Self { addresses, database, _program: program }
        }

        fn environment(&self) -> Vec<(&'static str, String)> {
            let parts = [("APP_URL", "app"), ("CLERK_URL", "clerk"), ("SERVICE_URL", "service")];
            let address = |part: &str| self.addresses[part].as_str().expect("an address").to_owned();
            parts.into_iter().map(|(name, part)| (name, address(part))).collect()
        }
    }

    /// A clock that is wrong by as much.
    #[derive(Debug)]
    struct Wrong {
        by_ms: i64,
    }

    impl Clock for Wrong {
        fn now_ms(&self) -> i64 {
            SystemClock.now_ms() + self.by_ms
        }

        fn sleep_until(&self, at_ms: i64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
            SystemClock.sleep_until(at_ms - self.by_ms)
        }
    }

    #[test]
    fn the_sample_page_works_in_chromium() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let dev = Dev::start(folder.path(), false);
        drive("sample_page.test.mjs", &dev.environment());
    }

    #[test]
    fn the_sample_page_shows_how_a_lost_webhook_heals_in_chromium() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let dev = Dev::start(folder.path(), true);
        drive("healing.test.mjs", &dev.environment());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn people_sign_up_come_back_and_sign_out_in_chromium() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let dev = Dev::start(folder.path(), false);
        let mut database = sqlx::SqliteConnection::connect(&dev.database).await.expect("the database");
        sqlx::raw_sql(
            "create trigger nobody_is_unwanted before insert on users when new.first_name = 'Unwanted' \
             begin select raise(abort, 'unwanted'); end",
        )
        .execute(&mut database)
        .await
        .expect("a trigger");
        drive("flows.test.mjs", &dev.environment());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_clerk_that_is_ahead_by_minutes_is_no_endless_loop() {
        drive_with_clerk_off_by(300_000).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_clerk_that_is_behind_by_minutes_is_no_endless_loop() {
        drive_with_clerk_off_by(-300_000).await;
    }

    /// `serve` beside a local Clerk whose clock is wrong.
    async fn drive_with_clerk_off_by(by_ms: i64) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = EmulatorConfig::dev(by_ms.unsigned_abs());
        config.clock = Arc::new(Wrong { by_ms });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let clerk = Emulator::start(config.clone(), listener).expect("a local Clerk");
        let clerk_url = format!("http://{}", clerk.address());
        // Browsers come back to an address that has to be known before.
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let listen = free.expect("a free port").to_string();
        let service = format!("http://{listen}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_clerk-sync"));
        command.arg("serve").current_dir(folder.path()).stdin(Stdio::null()).env_clear().envs([
            ("CLERK_SECRET_KEY", config.secret_key.as_str()),
            ("CLERK_PUBLISHABLE_KEY", &config.publishable_key),
            ("CLERK_API_URL", &clerk_url),
            ("CLERK_PROXY_URL", &clerk_url),
            ("CLERK_SIGN_IN_URL", &format!("{clerk_url}/sign-in")),
            ("CLERK_SYNC_LISTEN", &listen),
            ("CLERK_SYNC_ADMIN_LISTEN", "none"),
            ("CLERK_SYNC_APP_URL", &service),
            ("CLERK_SYNC_LOG", "error"),
        ]);
        let _program = Program(command.spawn().expect("clerk-sync starts"));
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let mut tries = 0;
        while http.get(format!("{service}/readyz")).send().await.is_err() {
            tries += 1;
            assert!(tries < 200, "clerk-sync does not start");
            SystemClock.sleep_until(SystemClock.now_ms() + 50).await;
        }
        let environment = [("CLERK_URL", clerk_url), ("SERVICE_URL", service)];
        drive("skew.test.mjs", &environment);
        clerk.shutdown().await;
    }

    /// Runs one file of tests in Chromium.
    fn drive(file: &str, environment: &[(&str, String)]) {
        /// Tests that install it at the same time would be in each other's way.
        static INSTALL: std::sync::Mutex<()> = std::sync::Mutex::new(());

        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
        let chromium = chromium();
        {
            let _one_at_a_time = INSTALL.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if !tests.join("node_modules/playwright-core").exists() {
                run("npm", &["ci", "--no-audit", "--no-fund", "--ignore-scripts"], &tests, &[]);
            }
        }
        let mut environment = environment.to_vec();
        environment.push(("CHROMIUM_PATH", chromium.display().to_string()));
        run("node", &["--test", "--test-reporter=spec", file], &tests, &environment);
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

    fn run(program: &str, arguments: &[&str], folder: &Path, environment: &[(&str, String)]) {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).stdin(Stdio::null());
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let output = command.output().unwrap_or_else(|error| {
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
