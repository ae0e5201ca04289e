//! Every fault that the virtual camera knows, again and again in one run.

use super::{Report, in_sequence, longest_silence_ms};
use crate::board::Outcome;
use crate::board::receiver::Seen;
use crate::board::running::Board;
use std::time::Duration;

const FAULTS: usize = 200;
/// Until the program is judged: every buffer and file of a second opening has been seen by then.
const SETTLED_AFTER: usize = 40;
const ALLOWED_GROWTH_KIB: u64 = 256;
const PAUSE: Duration = Duration::from_millis(120);
/// One fault after another may each cost a second's wait before the device is tried again.
const ALLOWED_RETURN: Duration = Duration::from_secs(6);

/// One of each, in an order that puts faults into the recovery from others: what breaks a start is
/// armed first and then the stream is stopped.
const ROUND: [Fault; 10] = [
    Fault::Press("inject_v4l2_buf_flag_error"),
    Fault::Press("inject_fatal_streaming_error"),
    Fault::Set("percentage_of_dropped_buffers", 50),
    Fault::Press("inject_vidioc_streamon_error"),
    Fault::Press("inject_fatal_streaming_error"),
    Fault::Press("inject_vidioc_qbuf_error"),
    Fault::Replug,
    Fault::Press("inject_vidioc_reqbufs_error"),
    Fault::Press("inject_fatal_streaming_error"),
    Fault::Set("percentage_of_dropped_buffers", 0),
];

#[derive(Clone, Copy)]
enum Fault {
    Press(&'static str),
    Set(&'static str, i32),
    Replug,
}

pub fn storm(board: &mut Board) -> Outcome<Report> {
    let (camera, receiver) = board.stream_frames("")?;
    let node = camera.capture;
    let mut all: Vec<Seen> = Vec::new();
    let mut before = None;
    for number in 0..FAULTS {
        match ROUND[number % ROUND.len()] {
            Fault::Press(control) => board.ask(&format!("control {node} {control} 1"))?,
            Fault::Set(control, value) => {
                board.ask(&format!("control {node} {control} {value}"))?
            }
            Fault::Replug => {
                board.ask(&format!("hold {node}"))?;
                board.ask(&format!("control {node} disconnect 1"))?;
                std::thread::sleep(PAUSE);
                board.ask(&format!("release {node}"))?
            }
        };
        std::thread::sleep(PAUSE);
        if (number + 1) % ROUND.len() == 0 {
            board
                .must_live()
                .map_err(|error| format!("after {} faults: {error}", number + 1))?;
            let limit = board.within(ALLOWED_RETURN);
            // What came before the pause after the last fault does not count as recovery.
            all.extend(receiver.drain()?);
            let seen = receiver
                .until("frame", limit, Seen::is_keypoints)
                .map_err(|error| format!("after {} faults: {error}", number + 1))?;
            all.extend(seen);
        }
        if number + 1 == SETTLED_AFTER {
            before = Some(board.figures()?);
        }
    }
    let (before, after) = (before.ok_or("no figures")?, board.figures()?);
    in_sequence(&all)?;
    let figures = format!(
        "{FAULTS} faults, {} packets, longest silence {:.0} ms, fds {} -> {}, rss {} -> {} KiB",
        all.len(),
        longest_silence_ms(&all),
        before.fds,
        after.fds,
        before.rss_kib,
        after.rss_kib
    );
    if after.fds > before.fds || after.rss_kib > before.rss_kib + ALLOWED_GROWTH_KIB {
        return Err(format!("the program grows: {figures}"));
    }
    Ok(Report::Passed(figures))
}
