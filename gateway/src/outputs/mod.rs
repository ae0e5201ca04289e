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

/// Opens the outputs of the command line.
///
/// # Errors
/// An output cannot be opened, or was left out when the program was built.
pub fn open(options: &Options) -> Result<Vec<Box<dyn Output>>> {
    let mut outputs: Vec<Box<dyn Output>> = Vec::new();
    #[cfg(feature = "zenoh")]
    if let Some(zenoh) = &options.zenoh {
        outputs.push(Box::new(zenoh::Zenoh::open(zenoh)?));
    }
    #[cfg(feature = "mqtt")]
    if let Some(mqtt) = &options.mqtt {
        outputs.push(Box::new(mqtt::Mqtt::open(mqtt)?));
    }
    #[cfg(feature = "foxglove")]
    if let Some(foxglove) = options.foxglove {
        outputs.push(Box::new(foxglove::Foxglove::open(foxglove)?));
    }
    let left_out = [
        ("zenoh", options.zenoh.is_some(), cfg!(feature = "zenoh")),
        ("mqtt", options.mqtt.is_some(), cfg!(feature = "mqtt")),
        (
            "foxglove",
            options.foxglove.is_some(),
            cfg!(feature = "foxglove"),
        ),
    ];
    for (name, is_wanted, is_built) in left_out {
        if is_wanted && !is_built {
            return Err(posewire::Error::usage(format!(
                "--{name} was left out of this program: build it with --features {name}"
            )));
        }
    }
    // No protocols, nothing to push.
    let _ = &mut outputs;
    Ok(outputs)
}
