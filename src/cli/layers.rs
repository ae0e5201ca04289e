//! The layers of settings that a command line names.
//!
//! In: the command line's own layer. Out: settings of all layers: the board's, the file's and the line's.

use crate::board;
use crate::engine;
use crate::error::Result;
use crate::settings::{Layer, Settings};
use std::path::Path;

/// The settings of the command line, of the file and of the board that it names. They are not finished yet:
/// see [`Settings::finish`].
///
/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) or [`ErrorKind::Config`](crate::ErrorKind::Config) naming the
/// setting and its place.
pub(super) fn settings(line: &Layer) -> Result<Settings> {
    let file = line
        .get("config")
        .map(Path::new)
        .map(Layer::read)
        .transpose()?;
    let named = line.get("board");
    let named = named.or_else(|| file.as_ref().and_then(|file| file.get("board")));
    let board = named
        .filter(|name| !name.is_empty())
        .map(board::find)
        .transpose()?;
    if let Some(board) = &board
        && let Some(mismatch) = board.mismatch(engine::kernel_family()?)
    {
        log::warn!("{mismatch}");
    }
    let board = board.map(|board| board.settings);
    Settings::from_layers(board.iter().chain(&file).chain([line]))
}

/// The settings of the command line alone, for commands that take few of them.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) naming the option.
pub(super) fn partial(line: &Layer) -> Result<Settings> {
    let mut settings = Settings::from_layers([line])?;
    settings.threads.pinned = settings.pin.unwrap_or(false);
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Origin;

    #[test]
    fn the_board_beats_the_default_and_nothing_else() {
        let folder = std::env::temp_dir().join(format!("posewire-layers-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("run.toml");
        std::fs::write(&file, "source = 'demo'\nboard = 'rpi4'\ncamera-fps = 15\n").unwrap();
        let mut line = Layer::new(Origin::Line);
        line.set("camera-size", "320x240").unwrap();
        line.set("config", file.to_str().unwrap()).unwrap();
        let settings = settings(&line).unwrap().finish().unwrap();
        assert_eq!(settings.threads.count, 3);
        assert_eq!(settings.camera.size_px, [320, 240]);
        assert_eq!(settings.camera.frames_per_second, Some(15));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_unknown_board_gets_the_list() {
        let mut line = Layer::new(Origin::Line);
        line.set("board", "toaster").unwrap();
        let error = settings(&line).unwrap_err().to_string();
        assert!(error.contains("jetson-nano, "), "{error}");
    }
}
