//! All faults of the virtual camera, repeatedly, in one run.

use super::{in_sequence, longest_silence_ms};
use crate::board::running::Board;
use crate::receiver::Seen;
use crate::tools::Outcome;
use std::time::{Duration, Instant};

const FAULTS: usize = 200;
/// Warm-up: by then every buffer and file of a second opening has been used.
const SETTLED_AFTER: usize = 40;
const ALLOWED_GROWTH_KIB: u64 = 256;
/// Time for a fault to show before frames count as back.
const PAUSE: Duration = Duration::from_millis(120);
const ALLOWED_RETURN: Duration = Duration::from_secs(2);
/// Time that recovery may take on a busy machine, and how often.
const LONGEST_RETURN: Duration = Duration::from_secs(5);
const ALLOWED_LATE: usize = 3;

/// Faults, one of each. A fault of the start is armed first, then the stream is stopped, so that the first attempt to
/// recover fails.
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

pub fn storm(board: &mut Board) -> Outcome<String> {
    let (camera, receiver) = board.stream_frames("")?;
    let node = camera.capture;
    let mut all: Vec<Seen> = Vec::new();
    let (mut before, mut slowest, mut late) = (None, Duration::ZERO, 0);
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
        let recovered = Instant::now();
        std::thread::sleep(PAUSE);
        all.extend(receiver.drain()?);
        let told = |error: String| format!("after {} faults: {error}", number + 1);
        board.must_live().map_err(told)?;
        let limit = board.within(LONGEST_RETURN.saturating_sub(recovered.elapsed()));
        let seen = receiver.until("frame", limit, Seen::is_keypoints);
        all.extend(seen.map_err(told)?);
        let returned = recovered.elapsed();
        slowest = slowest.max(returned);
        late += usize::from(returned > ALLOWED_RETURN);
        if number + 1 == SETTLED_AFTER {
            before = Some(board.figures()?);
        }
    }
    let (before, after) = (before.ok_or("no figures")?, board.figures()?);
    in_sequence(&all)?;
    let figures = format!(
        "{FAULTS} faults, frames back after {:.2} s at most ({late} times after more than {} s), {} packets, longest silence {:.0} ms, fds {} -> {}, rss {} -> {} KiB",
        slowest.as_secs_f64(),
        ALLOWED_RETURN.as_secs(),
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
    if late > ALLOWED_LATE {
        return Err(format!("frames are back too late: {figures}"));
    }
    Ok(figures)
}
