use gateway::args::{self, Command, HELP};
use gateway::run::run;
use std::process::ExitCode;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info,zenoh=error"))
        .init();
    let done = args::parse(std::env::args_os().skip(1)).and_then(|command| match command {
        Command::Help => {
            print!("{HELP}");
            Ok(())
        }
        Command::Version => {
            println!("gateway {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Command::Run(options) => run(&options),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gateway: {error}");
            ExitCode::from(error.kind() as u8)
        }
    }
}
