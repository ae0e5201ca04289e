//! The protocols, a file for each.

#[cfg(feature = "foxglove")]
mod foxglove;
#[cfg(feature = "mqtt")]
mod mqtt;
#[cfg(feature = "zenoh")]
mod zenoh;

use crate::args::Options;
use crate::output::Output;
use posewire::Result;

type Opened = Option<Box<dyn Output>>;

/// Opens the outputs of the command line.
///
/// # Errors
/// An output cannot be opened, or was left out when the program was built.
pub fn open(options: &Options) -> Result<Vec<Box<dyn Output>>> {
    let outputs = [
        open_zenoh(options)?,
        open_mqtt(options)?,
        open_foxglove(options)?,
    ];
    Ok(outputs.into_iter().flatten().collect())
}

#[cfg(feature = "zenoh")]
fn open_zenoh(options: &Options) -> Result<Opened> {
    let open = |zenoh| Ok(Box::new(zenoh::Zenoh::open(zenoh)?) as Box<dyn Output>);
    options.zenoh.as_ref().map(open).transpose()
}

#[cfg(not(feature = "zenoh"))]
fn open_zenoh(options: &Options) -> Result<Opened> {
    left_out("zenoh", options.zenoh.is_some())
}

#[cfg(feature = "mqtt")]
fn open_mqtt(options: &Options) -> Result<Opened> {
    let open = |mqtt| Ok(Box::new(mqtt::Mqtt::open(mqtt)?) as Box<dyn Output>);
    options.mqtt.as_ref().map(open).transpose()
}

#[cfg(not(feature = "mqtt"))]
fn open_mqtt(options: &Options) -> Result<Opened> {
    left_out("mqtt", options.mqtt.is_some())
}

#[cfg(feature = "foxglove")]
fn open_foxglove(options: &Options) -> Result<Opened> {
    let open = |address| Ok(Box::new(foxglove::Foxglove::open(address)?) as Box<dyn Output>);
    options.foxglove.map(open).transpose()
}

#[cfg(not(feature = "foxglove"))]
fn open_foxglove(options: &Options) -> Result<Opened> {
    left_out("foxglove", options.foxglove.is_some())
}

/// Refuses an output that this program does not have.
#[cfg(not(all(feature = "zenoh", feature = "mqtt", feature = "foxglove")))]
fn left_out(name: &str, is_wanted: bool) -> Result<Opened> {
    match is_wanted {
        true => Err(posewire::Error::usage(format!(
            "--{name} was left out of this program: build it with --features {name}"
        ))),
        false => Ok(None),
    }
}
