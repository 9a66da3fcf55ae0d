//! The programs around the gateway in `cargo xtask bench gateway`, which starts all of them.
//!
//! An MCP server at one end and a client at the other do as little as they can and check everything they
//! read: a bench that measures refusals measures nothing. The issuer answers for the gateway's keys and
//! introspection. The bare proxy is what hyper alone costs, so that the gateway's own work can be told
//! from it. This is an example and not a benchmark of Cargo's, since those are built to unwind and the
//! gateway is not.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "measuring programs: they read the clock and speak on their streams"
)]

mod bare;
mod issuer;
mod load;
mod options;
mod pool;
mod streams;
mod tokens;
mod upstream;
mod wire;

use std::process::ExitCode;

use options::Options;

/// What a program ends with when it cannot do its work.
type Failure = Box<dyn std::error::Error + Send + Sync>;
type Result<T = ()> = std::result::Result<T, Failure>;

const USAGE: &str = "\
usage: gateway-bench PROGRAM [OPTIONS]

  upstream --listen ADDR                                 an MCP server with one answer and one event stream
  issuer   --listen ADDR --resource URL                  metadata, keys and introspection
  tokens   --key KEY --count N --issuer URL --resource URL --out FILE
                                                         signed access tokens, one on each line
  public   --key KEY --out FILE                          the public half of a key, in PEM
  load     --to ADDR --tokens FILE --connections N [--seconds N | --requests N]
           [--skip N] [--once] [--wait SECONDS]          calls a tool, prints one line of JSON
  streams  --to ADDR --tokens FILE --count N             holds event streams until its input ends
  bare     --listen ADDR --to ADDR [--pool shared|own] [--runtime multi|cores] [--writev on|off]
           [--read-buffer BYTES]                         a proxy of hyper and nothing else

KEY is rsa (RS256) or p256 (ES256).
";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or_default();
    let options = Options::new(words.collect());
    let ended = match name.as_str() {
        "upstream" => upstream::main(options),
        "issuer" => issuer::main(options),
        "tokens" => tokens::main(options),
        "public" => tokens::public(options),
        "load" => load::main(options),
        "streams" => streams::main(options),
        "bare" => bare::main(options),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("gateway-bench {name}: {why}");
            ExitCode::FAILURE
        }
    }
}

/// A runtime of one thread: the client and the server must not crowd out what is measured.
fn one_thread() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
