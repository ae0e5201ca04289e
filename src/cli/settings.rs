//! The options that are settings of a run: those of `posewire run`, and of what looks at a run without
//! starting it.

use super::args::Args;
use crate::board;
use crate::config::{RunConfig, Settings, parse_bbox};
use crate::engine;
use crate::error::Result;
use crate::process::realtime::DEFAULT_PRIORITY;

pub(super) const HELP: &str = "\
  --source SOURCE     image:FILE, dir:FOLDER, mjpeg:FILE, demo (the built-in clip), or a camera:
                      v4l2:auto, v4l2:/dev/video0, v4l2:/dev/v4l/by-id/...
  --camera-size WxH   what is asked of the camera; its nearest is taken [640x480]
  --camera-fps N      likewise [30]
  --camera-format F   YUYV, UYVY, NV12, RGB3, BGR3, MJPG or GREY [the cheapest that is fast enough];
                      with --source demo: show its pictures as such a camera would
  --model FILE        an ONNX file with a model card [builtin:hand]; builtin:body is the other one
  --model-sha256 HEX  refuse a model file with another SHA-256; `posewire inspect` prints it
  --bbox X,Y,W,H      where the hand or person is, in pixels; without it the whole frame is searched
                      and then the last frame's keypoints are followed
  --udp HOST:PORT     send a packet for each frame (docs/wire.md)
  --serial DEVICE[:BAUD]
                      the same packets on a serial line [115200 baud]
  --key-file FILE     seal these packets with the key in FILE, 64 hexadecimal digits
  --session-file FILE a number that goes up with each start, so that receivers refuse recordings of
                      sealed packets; needed on boards whose clock is not set
  --unordered         seal also without that file and a set clock: receivers must be told the same
  --json FILE         write a JSON line for each frame; - is standard output
  --overlay DIR       write a PNG for each frame with the skeleton drawn on it
  --watchdog DEVICE   feed the board's watchdog with each packet; it reboots a board that hangs
  --sandbox MODE      auto gives up every right that is not needed, as far as the kernel can; strict
                      does not start with less than all; off [auto]
  --frames N          stop after N frames
  --threads N         threads of the network [1]
  --pin               each thread on a processor of its own
  --memory-budget N   the most memory that may be taken, like 64MiB: less than is needed is refused at
                      the start, more is never taken (`posewire inspect --budget` has the table); none
                      overrules a board's
  --realtime[=PRIORITY]
                      memory stays in RAM, threads run before all others, at this SCHED_FIFO priority [10]
  --engine NAME       auto or tract [auto]
  --min-score S       the heatmap maximum from which a joint counts [0.3]
  --heartbeat-ms N    the longest silence while there are no frames [100]
  --stale-ms N        frames older than this are marked stale [500]
  --stats-seconds N   how often the log gets a line of figures and the receivers a packet of them,
                      0 never [60]
  --stage-deadline-ms N  a stage that takes longer is named in the log [5000]
  --mirrored          declare on the wire that the pictures are mirrored
  --instance N        a number on the wire that tells several streams apart [0]
  --board NAME        take a board's values for what is not said: `posewire boards` lists them
  --config FILE       the same settings as TOML; the command line wins
";

/// What the command line and the file that it names have said so far.
#[derive(Default)]
pub(super) struct Asked {
    pub line: RunConfig,
    file: RunConfig,
}

impl Asked {
    /// Takes the value of the option that was just read; false if it is no setting.
    pub(super) fn take(&mut self, name: &str, args: &mut Args) -> Result<bool> {
        let line = &mut self.line;
        match name {
            "board" => line.board = Some(args.value()?),
            "source" => line.source = Some(args.value()?),
            "model" => line.model = Some(args.path()?),
            "model-sha256" => line.model_sha256 = Some(args.value()?),
            "bbox" => line.bbox = Some(parse_bbox(&args.value::<String>()?)?),
            "udp" => line.udp = Some(args.value()?),
            "serial" => line.serial = Some(args.value()?),
            "key-file" => line.key_file = Some(args.path()?),
            "session-file" => line.session_file = Some(args.path()?),
            "unordered" => line.unordered = Some(true),
            "json" => line.json = Some(args.value()?),
            "overlay" => line.overlay = Some(args.path()?),
            "watchdog" => line.watchdog = Some(args.path()?),
            "sandbox" => line.sandbox = Some(args.value()?),
            "frames" => line.frames = Some(args.value()?),
            "camera-size" => line.camera_size = Some(args.value()?),
            "camera-fps" => line.camera_fps = Some(args.value()?),
            "camera-format" => line.camera_format = Some(args.value()?),
            "threads" => line.threads = Some(args.value()?),
            "pin" => line.pin = Some(true),
            "memory-budget" => line.memory_budget = Some(args.value()?),
            "realtime" => line.realtime = Some(args.optional_value()?.unwrap_or(DEFAULT_PRIORITY)),
            "engine" => line.engine = Some(args.value()?),
            "min-score" => line.min_score = Some(args.value()?),
            "heartbeat-ms" => line.heartbeat_ms = Some(args.value()?),
            "stale-ms" => line.stale_ms = Some(args.value()?),
            "stats-seconds" => line.stats_seconds = Some(args.value()?),
            "stage-deadline-ms" => line.stage_deadline_ms = Some(args.value()?),
            "mirrored" => line.mirrored = Some(true),
            "instance" => line.instance = Some(args.value()?),
            "config" => self.file = RunConfig::read(&args.path()?)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// # Errors
    /// As for [`RunConfig::resolve`].
    pub(super) fn resolve(self) -> Result<Settings> {
        self.settings()?.resolve()
    }

    /// The command line's settings, the file's where it has none, and the board's where that has none.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) if there is no such board.
    pub(super) fn settings(self) -> Result<RunConfig> {
        let asked = self.line.or(self.file);
        let Some(name) = &asked.board else {
            return Ok(asked);
        };
        let board = board::find(name)?;
        if let Some(misfit) = board.misfit(engine::kernel_family()?) {
            log::warn!("{misfit}");
        }
        Ok(asked.or(board.defaults))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_board_beats_the_default_and_nothing_else() {
        let asked = Asked {
            line: RunConfig {
                camera_size: Some("320x240".into()),
                ..RunConfig::default()
            },
            file: RunConfig {
                source: Some("demo".into()),
                board: Some("rpi4".into()),
                camera_fps: Some(15),
                ..RunConfig::default()
            },
        };
        let settings = asked.resolve().unwrap();
        assert_eq!(settings.threads.count, 3);
        assert_eq!(settings.camera.size_px, [320, 240]);
        assert_eq!(settings.camera.frames_per_second, Some(15));
        let mut unknown = Asked::default();
        unknown.line.board = Some("toaster".into());
        let error = unknown.settings().unwrap_err().to_string();
        assert!(error.contains("jetson-nano, "), "{error}");
    }
}
