//! `clerk-sync`: keeps your own users table equal to Clerk, beside an app in any language.

use std::process::ExitCode;

fn main() -> ExitCode {
    clerk_sync_server::cli::main()
}
