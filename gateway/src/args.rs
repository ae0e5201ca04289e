//! The command line.

use crate::limits::{DEFAULT_BOARDS, MAX_BOARDS, MAX_ENDPOINTS, MAX_NAME_BYTES};
use crate::name::Name;
use lexopt::prelude::{Long, Short, ValueExt};
use posewire::{Error, Result};
use std::collections::HashMap;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The text of `--help`.
pub const HELP: &str = "\
Receive the packets of many posewire boards, and publish them.

usage: gateway --listen ADDR:PORT [OPTIONS]

  --listen ADDR:PORT       the UDP address to listen on; may be repeated
  --keys PATH              take only sealed packets: a folder with a key file for each board, which gives the board its
                           name, or one key file
  --unordered              with keys: take also boards whose starts have no order (docs/wire.md)
  --board NAME=ADDRESS     name a board that has no key by its IP address; may be repeated
  --boards N               boards that are followed, 1 to 65535 [4096]
  --silent-ms N            silence after which a board is silent, 50 to 60000 [300]
  --metrics ADDR:PORT      serve figures for Prometheus at http://ADDR:PORT/metrics

  --zenoh                  publish to Zenoh, to peers that multicast finds
  --zenoh-connect ENDPOINT also connect to this router or peer, as tcp/10.0.0.1:7447; may be repeated
  --zenoh-listen ENDPOINT  also listen there
  --zenoh-ros              also publish point clouds for ROS 2, which zenoh-bridge-ros2dds passes on
  --zenoh-config FILE      Zenoh's own configuration (JSON5), for all else

  --mqtt HOST[:PORT]       publish to an MQTT broker, with Home Assistant's discovery
  --mqtt-user USER         with the password in the variable MQTT_PASSWORD
  --mqtt-rate N            packets of a board each second, 0 to 1000 [2]

  --foxglove ADDR:PORT     serve Foxglove's WebSocket

  --help, --version
";

/// Everything the command line says.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub listen: Vec<String>,
    pub keys: Option<PathBuf>,
    pub unordered: bool,
    pub names: HashMap<IpAddr, Name>,
    pub boards: usize,
    pub silent: Duration,
    pub metrics: Option<SocketAddr>,
    pub zenoh: Option<ZenohOptions>,
    pub mqtt: Option<MqttOptions>,
    pub foxglove: Option<SocketAddr>,
}

/// Options of Zenoh.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZenohOptions {
    pub connect: Vec<String>,
    pub listen: Vec<String>,
    pub config: Option<PathBuf>,
    /// Messages for ROS 2 are published as well.
    pub for_ros: bool,
}

/// Options of MQTT.
#[derive(Debug, Clone, PartialEq)]
pub struct MqttOptions {
    pub host: String,
    pub port: u16,
    pub user: Option<String>,
    /// Packets of a board each second.
    pub rate: f64,
}

/// Task that the command line names.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Run(Box<Options>),
    Help,
    Version,
}

/// Reads the arguments after the program's name.
///
/// # Errors
/// An option is unknown, or its value is wrong.
pub fn parse(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Command> {
    let arguments = arguments.into_iter().map(Into::into);
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut options = Options {
        listen: Vec::new(),
        keys: None,
        unordered: false,
        names: HashMap::new(),
        boards: DEFAULT_BOARDS,
        silent: Duration::from_millis(300),
        metrics: None,
        zenoh: None,
        mqtt: None,
        foxglove: None,
    };
    let (mut user, mut rate) = (None, None);
    let usage = |error: lexopt::Error| Error::usage(format!("{error}: try --help"));
    while let Some(argument) = parser.next().map_err(usage)? {
        let name = match &argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("version") => return Ok(Command::Version),
            Long(name) => (*name).to_owned(),
            _ => return Err(usage(argument.unexpected())),
        };
        match name.as_str() {
            "unordered" => options.unordered = true,
            "zenoh-ros" => options.zenoh.get_or_insert_default().for_ros = true,
            "zenoh" => {
                options.zenoh.get_or_insert_default();
            }
            "listen" | "keys" | "board" | "boards" | "silent-ms" | "metrics" | "zenoh-connect"
            | "zenoh-listen" | "zenoh-config" | "mqtt" | "mqtt-user" | "mqtt-rate" | "foxglove" => {
                let value = parser.value().map_err(usage)?;
                if name == "keys" {
                    options.keys = Some(value.into());
                    continue;
                }
                if name == "zenoh-config" {
                    options.zenoh.get_or_insert_default().config = Some(value.into());
                    continue;
                }
                let text = value.string().map_err(usage)?;
                match name.as_str() {
                    "listen" => options.listen.push(text),
                    "board" => {
                        let (address, name) = named(&text)?;
                        options.names.insert(address, name);
                    }
                    "boards" => options.boards = number(&name, &text, 1, MAX_BOARDS)?,
                    "silent-ms" => {
                        options.silent = Duration::from_millis(number(&name, &text, 50, 60_000)?);
                    }
                    "metrics" => options.metrics = Some(address(&name, &text)?),
                    "foxglove" => options.foxglove = Some(address(&name, &text)?),
                    "zenoh-connect" => {
                        endpoint(&mut options.zenoh.get_or_insert_default().connect, text)?;
                    }
                    "zenoh-listen" => {
                        endpoint(&mut options.zenoh.get_or_insert_default().listen, text)?;
                    }
                    "mqtt" => options.mqtt = Some(broker(&text)?),
                    "mqtt-user" => user = Some(text),
                    _ => rate = Some(number(&name, &text, 0.0, 1000.0)?),
                }
            }
            _ => return Err(usage(argument.unexpected())),
        }
    }
    match &mut options.mqtt {
        Some(mqtt) => {
            mqtt.user = user;
            mqtt.rate = rate.unwrap_or(mqtt.rate);
        }
        None if user.is_some() || rate.is_some() => {
            return Err(Error::usage("--mqtt-user and --mqtt-rate need --mqtt"));
        }
        None => {}
    }
    if options.listen.is_empty() {
        return Err(Error::usage(
            "give the address of the boards' packets, as --listen 0.0.0.0:9000: try --help",
        ));
    }
    Ok(Command::Run(Box::new(options)))
}

fn number<T: FromStr + PartialOrd + std::fmt::Display>(
    name: &str,
    text: &str,
    least: T,
    most: T,
) -> Result<T> {
    match text.parse() {
        Ok(value) if value >= least && value <= most => Ok(value),
        _ => Err(Error::usage(format!(
            "--{name} {text}: give a number from {least} to {most}"
        ))),
    }
}

fn address(name: &str, text: &str) -> Result<SocketAddr> {
    text.parse().map_err(|_| {
        Error::usage(format!(
            "--{name} {text}: give an address and a port, as 127.0.0.1:9101"
        ))
    })
}

fn named(text: &str) -> Result<(IpAddr, Name)> {
    let parts = text.split_once('=');
    let read = parts.and_then(|(name, address)| {
        let address: IpAddr = address.parse().ok()?;
        Some((address.to_canonical(), Name::new(name)?))
    });
    read.ok_or_else(|| {
        Error::usage(format!(
            "--board {text}: give NAME=ADDRESS, as door=10.0.0.7; a name has up to {MAX_NAME_BYTES} letters, digits, \
             '-', '_' and '.'"
        ))
    })
}

fn endpoint(list: &mut Vec<String>, text: String) -> Result<()> {
    if list.len() >= MAX_ENDPOINTS {
        return Err(Error::usage(format!(
            "more than {MAX_ENDPOINTS} endpoints of Zenoh"
        )));
    }
    list.push(text);
    Ok(())
}

fn broker(text: &str) -> Result<MqttOptions> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (text, Some(1883)),
    };
    match port {
        Some(port) if port > 0 && !host.is_empty() && !host.contains('/') => Ok(MqttOptions {
            host: host.trim_matches(['[', ']']).into(),
            port,
            user: None,
            rate: 2.0,
        }),
        _ => Err(Error::usage(format!(
            "--mqtt {text}: give the broker's host, or HOST:PORT"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Result<Options> {
        match parse(text.split_whitespace())? {
            Command::Run(options) => Ok(*options),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_option_of_the_help_is_read() {
        let text = "--listen 0.0.0.0:9000 --listen [::]:9000 --keys k --unordered --board door=10.0.0.7 --boards 7 \
                    --silent-ms 250 --metrics 127.0.0.1:9101 --zenoh --zenoh-connect tcp/a:1 --zenoh-listen tcp/b:2 \
                    --zenoh-config z.json5 --zenoh-ros --mqtt broker:1884 --mqtt-user u --mqtt-rate 0.5 --foxglove 127.0.0.1:8765";
        let options = options(text).unwrap();
        assert_eq!(options.listen, ["0.0.0.0:9000", "[::]:9000"]);
        assert_eq!(options.names.len(), 1);
        assert_eq!((options.boards, options.silent.as_millis()), (7, 250));
        let zenoh = options.zenoh.unwrap();
        assert_eq!((zenoh.connect.len(), zenoh.listen.len()), (1, 1));
        assert!(zenoh.for_ros);
        let mqtt = options.mqtt.unwrap();
        assert_eq!(
            (mqtt.host.as_str(), mqtt.port, mqtt.rate),
            ("broker", 1884, 0.5)
        );
        assert_eq!(mqtt.user.as_deref(), Some("u"));
        for word in HELP
            .split_whitespace()
            .filter(|word| word.starts_with("--"))
        {
            let word = word.trim_end_matches(',');
            let is_read = text.contains(word) || ["--help", "--version"].contains(&word);
            assert!(is_read, "{word}");
        }
        assert_eq!(parse(["--help"]).unwrap(), Command::Help);
        assert_eq!(parse(["--version"]).unwrap(), Command::Version);
    }

    #[test]
    fn wrong_values_are_named() {
        for (text, word) in [
            ("", "--listen"),
            ("--listen", "--listen"),
            ("x", "x"),
            ("-x", "-x"),
            ("--port 1", "--port"),
            ("--listen a:1 --boards 0", "1 to 65535"),
            ("--listen a:1 --boards 65536", "1 to 65535"),
            ("--listen a:1 --silent-ms 1", "50 to 60000"),
            ("--listen a:1 --mqtt a --mqtt-rate NaN", "0 to 1000"),
            ("--listen a:1 --mqtt-rate 1", "need --mqtt"),
            ("--listen a:1 --mqtt :1", "HOST:PORT"),
            ("--listen a:1 --mqtt a:0", "HOST:PORT"),
            ("--listen a:1 --mqtt mqtt://a", "HOST:PORT"),
            ("--listen a:1 --board a/b=10.0.0.7", "NAME=ADDRESS"),
            ("--listen a:1 --board a", "NAME=ADDRESS"),
            ("--listen a:1 --metrics 9101", "a port"),
        ] {
            let error = options(text).unwrap_err().to_string();
            assert!(
                error.contains(word) && !error.contains('\n'),
                "{text}: {error}"
            );
        }
    }
}
