//! A camera that shows one picture: 640 x 480 YUYV noise, always the same.

use crate::clock;
use crate::error::{Error, Result};
use crate::frame::{Frame, PixelFormat, Pixels};
use crate::source::{FrameSource, Next, SourceCounts};
use std::time::Duration;

const WIDTH_PX: u32 = 640;
const HEIGHT_PX: u32 = 480;

/// The camera. It owns its picture.
#[derive(Debug)]
pub struct TestCamera {
    bytes: Vec<u8>,
    index: u64,
    pace: Option<Pace>,
    passed_over: u64,
}

/// Times of capture: every period from the start on.
#[derive(Debug)]
struct Pace {
    start_us: u64,
    period_us: f64,
}

impl TestCamera {
    /// A camera that has a new frame whenever one is asked for.
    pub fn eager() -> Self {
        let mut state = 1_u32;
        let bytes = (0..PixelFormat::Yuyv.row_bytes(WIDTH_PX) * HEIGHT_PX as usize)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        TestCamera {
            bytes,
            index: 0,
            pace: None,
            passed_over: 0,
        }
    }

    /// From now on a frame comes every 1 / `fps` seconds, and only the newest one is kept, as a real camera's driver does.
    pub fn pace(&mut self, fps: f64) {
        self.index = 0;
        self.passed_over = 0;
        self.pace = Some(Pace {
            start_us: clock::Instant::now().mono_us,
            period_us: 1e6 / fps,
        });
    }
}

impl FrameSource for TestCamera {
    fn next_frame(&mut self, timeout: Duration) -> Result<Next<'_>> {
        let mut captured = clock::Instant::now();
        if let Some(pace) = &self.pace {
            let due_us = pace.start_us + (self.index as f64 * pace.period_us) as u64;
            let wait = Duration::from_micros(due_us.saturating_sub(captured.mono_us));
            std::thread::sleep(wait.min(timeout));
            if wait > timeout {
                return Ok(Next::TimedOut {
                    camera_present: true,
                });
            }
            let since_us = clock::Instant::now().mono_us - pace.start_us;
            let newest = ((since_us as f64 / pace.period_us) as u64).max(self.index);
            self.passed_over += newest - self.index;
            self.index = newest;
            let captured_us = pace.start_us + (newest as f64 * pace.period_us) as u64;
            captured = clock::Instant::from_mono_us(captured_us);
        }
        let stride = PixelFormat::Yuyv.row_bytes(WIDTH_PX);
        let pixels = Pixels::new(PixelFormat::Yuyv, WIDTH_PX, HEIGHT_PX, stride, &self.bytes)
            .ok_or_else(|| Error::source("bench", "the test picture has no valid size"))?;
        let index = self.index;
        self.index += 1;
        Ok(Next::Frame(Frame {
            pixels,
            captured,
            index,
            file: None,
        }))
    }

    fn counts(&self) -> SourceCounts {
        SourceCounts {
            passed_over: self.passed_over,
            ..SourceCounts::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_consumer_gets_the_newest_frame_with_its_own_time() {
        let mut camera = TestCamera::eager();
        camera.pace(200.0);
        let second = Duration::from_secs(1);
        let mut before = None;
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(23));
            let now = clock::Instant::now();
            let Ok(Next::Frame(frame)) = camera.next_frame(second) else {
                panic!("no frame");
            };
            // It was taken less than a period before, whatever the consumer did meanwhile.
            assert!(frame.captured.mono_us + 5_001 > now.mono_us);
            let index = frame.index;
            assert!(before.is_none_or(|before| index >= before + 4), "{index}");
            before = Some(index);
        }
        assert_eq!(camera.counts().passed_over, before.unwrap() - 2);
    }

    #[test]
    fn a_frame_that_is_not_due_is_not_there() {
        let mut camera = TestCamera::eager();
        camera.pace(0.01);
        assert!(matches!(
            camera.next_frame(Duration::ZERO),
            Ok(Next::Frame(_))
        ));
        let next = camera.next_frame(Duration::from_millis(1));
        assert!(matches!(next, Ok(Next::TimedOut { .. })));
    }
}
