//! Load generator for webhook receivers: signs real `user.created` and `user.updated` events before the clock starts,
//! sends them over keep-alive connections, checks every answer, and compares the receiver's table with what was sent.

mod body;
mod clock;
mod drive;
mod http;
mod ids;
mod latency;
mod options;
mod plan;
mod proc;
mod report;
mod requests;
mod sign;
mod sink;
mod verify;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;

use options::{Command, Options, SendOptions};
use report::Report;

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    // One thread: the generator shares its core with the database and must stay off the receiver's.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    match options.command {
        Some(Command::Sink { listen }) => runtime.block_on(sink::serve(listen)).map(|()| ExitCode::SUCCESS),
        None => runtime.block_on(send(options.send)),
    }
}

async fn send(options: SendOptions) -> Result<ExitCode> {
    let target = http::Target::resolve(options.url()?).await?;
    let plan = plan::Plan::new(&options);
    let requests = Arc::new(requests::Requests::build(&plan, &target, &options)?);

    let warmup =
        drive::drive(&target, &requests, plan.warmup(), options.connections, drive::Until::Done).await;
    let before = proc::Snapshot::take(&options)?;
    let until = options.seconds.map_or(drive::Until::Done, drive::Until::Seconds);
    let run = drive::drive(&target, &requests, plan.measured(), options.connections, until).await;
    let after = proc::Snapshot::take(&options)?;

    let verified = match &options.verify {
        Some(url) => {
            let runs = [(plan.warmup().start, &warmup), (plan.measured().start, &run)];
            Some(verify::verify(url, &options, &plan, requests.start_ms, &runs).await?)
        }
        None => None,
    };
    let report = Report::new(&options, &requests, &warmup, &run, after.since(&before), verified);
    report.print(options.json)?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
