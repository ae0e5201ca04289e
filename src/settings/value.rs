//! Values as users write them: from text and from TOML, checked.

use crate::limits::{MAX_CAMERA_FPS, MAX_FRAME_SIDE_PX, MAX_THREADS};
use crate::model::ModelHash;
use crate::scene::BBox;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The type of a setting's value. The text is the value's name in help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// True if it is given; `true` or `false` in TOML.
    Switch,
    /// A string.
    Text(&'static str),
    /// A string that may be given several times; in TOML also an array of them.
    Texts(&'static str),
    /// A whole number.
    Integer(&'static str),
    /// A number.
    Number(&'static str),
    /// Four numbers with commas between them; an array in TOML.
    Numbers(&'static str),
    /// A whole number, and its default where the option has no value.
    OptionalInteger(&'static str, &'static str),
}

impl Value {
    /// The value's name in help; `None` for a switch.
    pub fn argument(self) -> Option<&'static str> {
        match self {
            Value::Switch => None,
            Value::Text(name)
            | Value::Texts(name)
            | Value::Integer(name)
            | Value::Number(name)
            | Value::Numbers(name)
            | Value::OptionalInteger(name, _) => Some(name),
        }
    }

    /// The type in a TOML file, for messages and docs.
    pub fn toml_type(self) -> &'static str {
        match self {
            Value::Switch => "true or false",
            Value::Text(_) => "a string",
            Value::Texts(_) => "a string or an array of strings",
            Value::Integer(_) | Value::OptionalInteger(..) => "a whole number",
            Value::Number(_) => "a number",
            Value::Numbers(_) => "an array of four numbers",
        }
    }

    /// A value in TOML as a user writes it on the command line.
    ///
    /// # Errors
    /// The types that were expected and found.
    pub(super) fn text_of(self, value: &toml::Value) -> Result<String, String> {
        use toml::Value as Toml;
        let number = |value: &Toml| match value {
            Toml::Integer(number) => Some(number.to_string()),
            Toml::Float(number) => Some(number.to_string()),
            _ => None,
        };
        let text = match (self, value) {
            (Value::Switch, Toml::Boolean(value)) => Some(value.to_string()),
            (Value::Text(_) | Value::Texts(_), Toml::String(text)) => Some(text.clone()),
            (Value::Integer(_) | Value::OptionalInteger(..), Toml::Integer(number)) => {
                Some(number.to_string())
            }
            (Value::Number(_), value) => number(value),
            (Value::Numbers(_), Toml::Array(values)) if values.len() == 4 => {
                let numbers: Option<Vec<String>> = values.iter().map(number).collect();
                numbers.map(|numbers| numbers.join(","))
            }
            _ => None,
        };
        text.ok_or_else(|| {
            format!(
                "expected is {}, found is {}",
                self.toml_type(),
                match value {
                    Toml::Array(_) => "another array",
                    other => other.type_str(),
                }
            )
        })
    }

    /// The right side of a TOML line: the inverse of [`Value::text_of`].
    pub fn toml(self, text: &str) -> String {
        match self {
            Value::Text(_) | Value::Texts(_) => format!("{text:?}"),
            Value::Numbers(_) => format!("[{}]", text.replace(',', ", ")),
            _ => text.to_owned(),
        }
    }
}

/// A number in a range.
pub(super) fn number<T: FromStr + PartialOrd + Display>(
    text: &str,
    range: RangeInclusive<T>,
) -> Result<T, String> {
    let value = text.parse().ok().filter(|value| range.contains(value));
    value.ok_or_else(|| {
        format!(
            "{text:?} is not a number in {}..{}",
            range.start(),
            range.end()
        )
    })
}

pub(super) fn milliseconds(text: &str) -> Result<Duration, String> {
    number(text, 1..=60_000).map(Duration::from_millis)
}

pub(super) fn fps(text: &str) -> Result<u32, String> {
    number(text, 1..=MAX_CAMERA_FPS)
}

/// Threads of a network.
pub(super) fn threads(text: &str) -> Result<usize, String> {
    number(text, 1..=MAX_THREADS)
}

pub(super) fn switch(text: &str) -> Result<bool, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not true or false"))
}

/// A text that is not empty.
pub(super) fn text(text: &str) -> Result<String, String> {
    match text {
        "" => Err("the value is empty".into()),
        text => Ok(text.to_owned()),
    }
}

/// A path that is not empty.
pub(super) fn path(value: &str) -> Result<PathBuf, String> {
    text(value).map(PathBuf::from)
}

/// A value of a type that parses itself.
pub(super) fn choice<T: FromStr>(text: &str) -> Result<T, String>
where
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

pub(super) fn sha256(text: &str) -> Result<ModelHash, String> {
    choice(text)
}

/// Width and height in pixels.
pub(super) fn size(text: &str) -> Result<[u32; 2], String> {
    let side = |text: &str| number(text, 16..=MAX_FRAME_SIDE_PX).ok();
    text.split_once('x')
        .and_then(|(width, height)| Some([side(width)?, side(height)?]))
        .ok_or_else(|| format!("{text:?} is not WIDTHxHEIGHT, each in 16..{MAX_FRAME_SIDE_PX}"))
}

/// A box in pixels: left, top, width, height.
pub(super) fn bbox(text: &str) -> Result<BBox, String> {
    const FAR_PX: f32 = 1e6;
    let numbers: Option<Vec<f32>> = text
        .split(',')
        .map(|number| number.trim().parse().ok())
        .collect();
    let numbers: [f32; 4] = numbers
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or_else(|| format!("{text:?} is not x,y,width,height in pixels"))?;
    let [x_px, y_px, width_px, height_px] = numbers;
    let sound = numbers.iter().all(|value| value.abs() < FAR_PX);
    if sound && width_px >= 1.0 && height_px >= 1.0 {
        Ok(BBox {
            x_px,
            y_px,
            width_px,
            height_px,
        })
    } else {
        Err(format!(
            "{text:?}: width and height must be at least 1 px, and all under {FAR_PX} px"
        ))
    }
}
