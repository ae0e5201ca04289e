//! Kinds of source, and a source as the user names it.

use super::{CameraOptions, FrameSource, KINDS};
use crate::error::{Error, Result};
use crate::process::output::Patience;
use crate::process::sandbox::Access;
use crate::producer::Producer;
use crate::scene::Task;
use std::cell::Cell;
use std::fmt;
use std::os::fd::OwnedFd;
use std::str::FromStr;

/// One row of [`KINDS`]: all that the program knows of a kind of source.
pub struct Kind {
    /// The word before the colon.
    pub name: &'static str,
    /// The argument behind the colon, as messages show it; empty if the name alone is enough.
    pub argument: &'static str,
    /// The forms of the source in the help of `--source`.
    pub help: &'static str,
    /// Checks an argument's form, and says what is wrong. The file or device need not be there.
    pub check: fn(&str) -> std::result::Result<(), String>,
    /// The memory that the source takes.
    pub footprint: fn(&str, &CameraOptions) -> Footprint,
    /// The files and devices that the source opens by name after the sandbox is entered.
    pub access: fn(&str) -> Access,
    /// Opens the source.
    pub open: fn(&str, &Context<'_>) -> Result<Box<dyn FrameSource>>,
    /// The argument is a camera's device.
    pub is_camera: bool,
    /// Frames come at their own time.
    pub is_live: bool,
    /// The source reads standard input. With a command it reads the command's pipe instead.
    pub reads_stdin: fn(&str) -> bool,
}

/// Checks that an argument is there: for kinds that name a file.
pub(super) fn is_named(argument: &str) -> std::result::Result<(), String> {
    match argument {
        "" => Err("the name is missing".into()),
        _ => Ok(()),
    }
}

/// The help of `--source`: the forms of all kinds, cameras last.
pub(crate) fn help() -> String {
    let forms = |is_camera| {
        let kinds = KINDS.iter().filter(|kind| kind.is_camera == is_camera);
        kinds.map(|kind| kind.help).collect::<Vec<_>>().join(", ")
    };
    format!("{}, or a camera: {}", forms(false), forms(true))
}

/// Facts of the run that a source may need.
pub struct Context<'a> {
    /// The model's task, for the built-in clips.
    pub task: Task,
    /// The settings of a camera.
    pub camera: &'a CameraOptions,
    /// The end of a pipe's producer is the end of the run.
    pub once: bool,
    /// The pipe of a command, and the end of its keeper.
    pub producer: Cell<Option<(OwnedFd, Producer)>>,
}

impl<'a> Context<'a> {
    /// A run without a command.
    pub fn new(task: Task, camera: &'a CameraOptions) -> Self {
        Context {
            task,
            camera,
            once: false,
            producer: Cell::default(),
        }
    }
}

/// The most memory that a source takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Footprint {
    /// Drivers' buffers, which belong to the kernel.
    pub mapped_bytes: u64,
    /// Heap for pictures. Files may hold larger ones, which a memory budget then refuses.
    pub heap_bytes: u64,
}

/// A source as the user names it: `KIND:ARGUMENT`.
#[derive(Clone)]
pub struct SourceSpec {
    kind: &'static Kind,
    argument: String,
}

impl SourceSpec {
    /// The memory that the source takes.
    pub fn footprint(&self, camera: &CameraOptions) -> Footprint {
        (self.kind.footprint)(&self.argument, camera)
    }

    /// The files and devices that the source opens by name after the sandbox is entered.
    pub fn access(&self) -> Access {
        (self.kind.access)(&self.argument)
    }

    /// The device, if the source is a camera; `auto` is any.
    pub fn camera(&self) -> Option<&str> {
        self.kind.is_camera.then_some(&self.argument)
    }

    /// The source reads standard input. With a command it reads the command's pipe instead.
    pub fn reads_stdin(&self) -> bool {
        (self.kind.reads_stdin)(&self.argument)
    }

    /// The source is of this kind.
    pub fn is_kind(&self, name: &str) -> bool {
        self.kind.name == name
    }

    /// Pictures in files wait for a slow reader of the results. Cameras do not.
    pub fn patience(&self) -> Patience {
        if self.kind.is_live {
            Patience::None
        } else {
            Patience::UntilRead
        }
    }

    /// Opens the source.
    ///
    /// # Errors
    /// [`ErrorKind::Source`](crate::ErrorKind::Source) if the file or device cannot be used.
    pub fn open(&self, context: &Context<'_>) -> Result<Box<dyn FrameSource>> {
        (self.kind.open)(&self.argument, context)
    }
}

impl FromStr for SourceSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let kind = KINDS
            .iter()
            .find(|kind| kind.name == name)
            .ok_or_else(|| Error::usage(format!("unknown source {text:?}: give {}", Forms)))?;
        (kind.check)(argument).map_err(|why| Error::usage(format!("{text:?}: {why}")))?;
        Ok(SourceSpec {
            kind,
            argument: argument.into(),
        })
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name)?;
        match self.argument.as_str() {
            "" => Ok(()),
            argument => write!(f, ":{argument}"),
        }
    }
}

impl fmt::Debug for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl PartialEq for SourceSpec {
    fn eq(&self, other: &Self) -> bool {
        self.kind.name == other.kind.name && self.argument == other.argument
    }
}

/// The forms of all kinds, for a message.
struct Forms;

impl fmt::Display for Forms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, kind) in KINDS.iter().enumerate() {
            f.write_str(match index {
                0 => "",
                last if last + 1 == KINDS.len() => " or ",
                _ => ", ",
            })?;
            f.write_str(kind.name)?;
            if !kind.argument.is_empty() {
                write!(f, ":{}", kind.argument)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_read_as_they_are_written() {
        for text in [
            "demo",
            "demo:body",
            "image:a b.png",
            "dir:pictures",
            "mjpeg:C:/x.mjpeg",
            "v4l2:/dev/video0",
            "v4l2:/dev/v4l/by-path/pci-0000:00:14.0-usb-0:2:1.0-video-index0",
            "v4l2:auto",
            "pipe:yuv420:640x480",
            "pipe:MJPG:640x480:/run/camera:1",
        ] {
            assert_eq!(text.parse::<SourceSpec>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "image",
            "image:",
            "demo:foot",
            "http://x",
            "v4l2:",
            "pipe:yuv420",
        ] {
            assert!(text.parse::<SourceSpec>().is_err(), "{text}");
        }
    }

    #[test]
    fn each_kind_refuses_an_argument_that_cannot_be_opened_and_names_itself() {
        let options = CameraOptions::default();
        let context = Context::new(Task::Hand, &options);
        for kind in KINDS.iter().filter(|kind| !kind.argument.is_empty()) {
            let error = (kind.open)("/dev/null/nowhere", &context).err();
            let error = error.map_or(String::new(), |error| error.to_string());
            // A camera that is not there is waited for.
            assert!(error.contains(kind.name) || kind.is_camera, "{error}");
        }
        let error = "tape:7".parse::<SourceSpec>().unwrap_err().to_string();
        for kind in KINDS {
            let (name, argument) = (kind.name, kind.argument);
            let form = match argument {
                "" => name.into(),
                argument => format!("{name}:{argument}"),
            };
            assert!(error.contains(&form), "{error}");
            assert!(kind.help.starts_with(name), "{name}: {}", kind.help);
        }
    }
}
