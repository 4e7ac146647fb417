//! The page of `clerk-sync dev` in a real Chromium.

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, Stdio};

    use serde_json::Value;

    /// Ends with the test, however that ends.
    struct Dev(Child);

    impl Drop for Dev {
        fn drop(&mut self) {
            // It may have ended by itself.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    impl Dev {
        /// Starts the program and reads where it is.
        fn start(folder: &Path) -> (Self, String) {
            let mut command = Command::new(env!("CARGO_BIN_EXE_clerk-sync"));
            let database = format!("sqlite://{}", folder.join("dev.db").display());
            command.args(["dev", "--port", "0", "--json", "--database-url", &database]);
            command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped());
            let mut dev = Self(command.spawn().expect("clerk-sync starts"));
            let mut line = String::new();
            let stdout = dev.0.stdout.take().expect("it was piped");
            BufReader::new(stdout).read_line(&mut line).expect("its output can be read");
            let addresses: Value = serde_json::from_str(&line)
                .unwrap_or_else(|error| panic!("clerk-sync dev printed {line:?} first ({error})"));
            let app = addresses["app"].as_str().expect("the address of the page").to_owned();
            (dev, app)
        }
    }

    #[test]
    fn the_sample_page_works_in_chromium() {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
        let chromium = chromium();
        if !tests.join("node_modules/playwright-core").exists() {
            run("npm", &["ci", "--no-audit", "--no-fund", "--ignore-scripts"], &tests, &[]);
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (_dev, app) = Dev::start(folder.path());
        let environment = [("APP_URL", app), ("CHROMIUM_PATH", chromium.display().to_string())];
        run("node", &["--test", "--test-reporter=spec", "sample_page.test.mjs"], &tests, &environment);
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
