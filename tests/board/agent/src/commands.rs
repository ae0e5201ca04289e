//! The host's commands, a word and its arguments a line.

use crate::picture::Screen;
use crate::programs::{self, Programs};
use crate::usb::UsbCamera;
use crate::video::{self, DvTimings, Node};
use crate::{Outcome, neighbour, system};
use std::collections::BTreeMap;
use std::time::Duration;

/// Of vivid's menu.
const NO_TEXT: i32 = 2;

#[derive(Default)]
pub struct Commands {
    programs: Programs,
    held: BTreeMap<String, Node>,
    screen: Option<Screen>,
    usb_camera: Option<UsbCamera>,
}

impl Commands {
    /// Executes one command and returns its result.
    ///
    /// | command | |
    /// |---|---|
    /// | `load LIST [OPTIONS]`, `unload MODULE` | kernel modules |
    /// | `spawn NAME [VAR=VALUE] PROGRAM [ARGS]` | gives the process id |
    /// | `signal NAME TERM` | also INT, KILL, STOP, CONT |
    /// | `wait NAME MS` | gives the exit code and the time it took |
    /// | `alive NAME`, `figures NAME`, `log NAME LINES`, `clear` | |
    /// | `rights NAME` | of each thread, as the kernel names them |
    /// | `nodes`, `formats NODE`, `controls NODE` | |
    /// | `loop CAPTURE OUTPUT` | HDMI out to HDMI in, 640 x 480, or with `double` 1280 x 960 |
    /// | `input NODE NAME`, `rate NODE FPS`, `format NODE CODE W H` | of a capture node |
    /// | `screen NODE CODE W H FILE`, `show FILE`, `dark` | what the output sends |
    /// | `control NODE NAME VALUE` | |
    /// | `hold NODE`, `release NODE` | keeps a device open |
    /// | `usb plug FILE`, `usb show FILE`, `usb unplug` | a camera that sends a JPEG |
    /// | `usb spoil FAULT FRAMES` | cut, garbage, flagged or missing frames |
    /// | `write FILE TEXT` | `;` ends a line of the text |
    /// | `take INTERFACE`, `name OWN-ADDRESS HOST MS` | of a card's neighbour: see `neighbour.rs` |
    /// | `uptime`, `busybox ARGS`, `poweroff` | |
    pub fn run(&mut self, line: &str) -> Outcome<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let done = |()| String::new();
        match words[..] {
            ["load", list] => system::load(list, "").map(done),
            ["load", list, ref options @ ..] => system::load(list, &options.join(" ")).map(done),
            ["unload", name] => system::unload(name).map(done),
            ["spawn", name, ref argv @ ..] => self.programs.spawn(name, argv),
            ["signal", name, signal] => self.programs.signal(name, signal),
            ["wait", name, limit_ms] => self
                .programs
                .wait(name, Duration::from_millis(number(limit_ms)?)),
            ["alive", name] => self.programs.alive(name),
            ["figures", name] => self.programs.figures(name),
            ["rights", name] => self.programs.rights(name),
            ["log", name, lines] => programs::log_tail(name, number(lines)?),
            ["clear"] => {
                self.screen = None;
                self.usb_camera = None;
                self.held.clear();
                self.programs.clear()
            }
            ["nodes"] => Ok(video::nodes()
                .into_iter()
                .map(|(path, driver, kind)| format!("{path}:{driver}:{kind}"))
                .collect::<Vec<_>>()
                .join(" ")),
            ["formats", node] => Ok(Node::open(node)?.formats(false).join(" ")),
            ["controls", node] => Ok(Node::open(node)?.controls().join(" ")),
            ["loop", capture, output] => connect_loop(capture, output, video::VGA).map(done),
            ["loop", capture, output, "double"] => {
                connect_loop(capture, output, video::DOUBLE).map(done)
            }
            ["input", node, name] => Node::open(node)?.connect(false, name).map(done),
            ["rate", node, fps] => Node::open(node)?
                .set_rate(number(fps)?)
                .map(|fps| fps.to_string()),
            ["format", node, code, width, height] => Node::open(node)?
                .set_format(false, code, [number(width)?, number(height)?])
                .map(|bytes| bytes.to_string()),
            ["screen", node, code, width, height, file] => {
                self.screen = None;
                let size_px = [number(width)?, number(height)?];
                self.screen = Some(Screen::start(node, code, size_px, read(file)?)?);
                Ok(String::new())
            }
            ["show", file] => {
                let screen = self.screen.as_ref().ok_or("there is no screen")?;
                screen.change(read(file)?).map(done)
            }
            ["dark"] => {
                self.screen = None;
                Ok(String::new())
            }
            ["control", node, name, value] => {
                // A device that was just unplugged is reached through the handle that is held.
                let value = number(value)?;
                match self.held.get(node) {
                    Some(held) => held.control(name, value),
                    None => Node::open(node)?.control(name, value),
                }
                .map(done)
            }
            ["hold", node] => {
                self.held.insert(node.into(), Node::open(node)?);
                Ok(String::new())
            }
            ["release", node] => self
                .held
                .remove(node)
                .map(|_| String::new())
                .ok_or_else(|| format!("{node} is not held")),
            ["usb", "plug", file] => {
                self.usb_camera = None;
                self.usb_camera = Some(UsbCamera::plug(read(file)?)?);
                Ok(String::new())
            }
            ["usb", "unplug"] => {
                self.usb_camera = None;
                Ok(String::new())
            }
            ["usb", "show", file] => {
                self.usb()?.show(read(file)?);
                Ok(String::new())
            }
            ["usb", "spoil", fault, frames] => self.usb()?.spoil(fault, number(frames)?).map(done),
            ["write", file, ref text @ ..] => {
                let text = text.join(" ").replace(';', "\n") + "\n";
                let written = std::fs::write(file, text);
                written
                    .map(done)
                    .map_err(|error| format!("{file}: {error}"))
            }
            ["take", interface] => neighbour::take(interface).map(done),
            ["name", own, host, limit_ms] => {
                let limit = Duration::from_millis(number(limit_ms)?);
                neighbour::ask_name(number(own)?, host, limit)
            }
            ["uptime"] => Ok(system::uptime_ms().to_string()),
            ["busybox", ..] => system::busybox(line.trim_start_matches("busybox")),
            ["poweroff"] => system::power_off(),
            _ => Err(format!("unknown command: {line}")),
        }
    }
}

impl Commands {
    fn usb(&self) -> Outcome<&UsbCamera> {
        self.usb_camera
            .as_ref()
            .ok_or_else(|| "no USB camera is plugged in".into())
    }
}

fn connect_loop(capture: &str, output: &str, timings: DvTimings) -> Outcome<()> {
    let (from, to) = (Node::open(output)?, Node::open(capture)?);
    from.connect(true, "HDMI")?;
    to.connect(false, "HDMI")?;
    from.send(timings)?;
    to.control("loop_video", 1)?;
    // The driver would write frame counters over the picture.
    to.control("osd_text_mode", NO_TEXT)?;
    to.follow_signal(timings)
}

fn read(file: &str) -> Outcome<Vec<u8>> {
    std::fs::read(file).map_err(|error| format!("{file}: {error}"))
}

fn number<T: std::str::FromStr>(word: &str) -> Outcome<T> {
    word.parse()
        .map_err(|_| format!("{word} is not a number that fits"))
}
