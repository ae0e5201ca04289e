//! A source of your own: a square that moves, as grey pixels. Any frame grabber looks like this.
//!
//! `cargo run --example own_source`

use posewire::Result;
use posewire::clock::Instant;
use posewire::frame::{Frame, PixelFormat, Pixels};
use posewire::source::{FrameSource, Next};
use std::time::Duration;

const SIDE_PX: u32 = 64;
const SQUARE_PX: u64 = 8;

/// Owns the pixels, and lends them until the next call.
struct Square {
    bytes: Vec<u8>,
    index: u64,
    end: u64,
}

impl FrameSource for Square {
    fn next_frame(&mut self, _timeout: Duration) -> Result<Next<'_>> {
        if self.index == self.end {
            return Ok(Next::End);
        }
        // The capture time is that of the exposure, not of the delivery.
        let captured = Instant::now();
        for (at, byte) in (0_u64..).zip(&mut self.bytes) {
            let column = at % u64::from(SIDE_PX);
            *byte = u8::from((self.index..self.index + SQUARE_PX).contains(&column)) * 255;
        }
        let (side, stride) = (SIDE_PX, SIDE_PX as usize);
        let pixels = Pixels::new(PixelFormat::Grey, side, side, stride, &self.bytes)
            .ok_or_else(|| posewire::Error::source("square", "has a frame of no valid size"))?;
        let index = self.index;
        self.index += 1;
        Ok(Next::Frame(Frame {
            pixels,
            captured,
            index,
            file: None,
        }))
    }
}

fn main() -> Result<()> {
    let mut source = Square {
        bytes: vec![0; (SIDE_PX * SIDE_PX) as usize],
        index: 0,
        end: 5,
    };
    // `pipeline::Stream` takes it as it takes a camera; here the frames are only described.
    while let Next::Frame(frame) = source.next_frame(Duration::from_millis(100))? {
        let rgb = frame.pixels.to_rgb();
        let bright = rgb.iter().filter(|&&value| value > 0).count() / 3;
        println!("frame {}: {bright} bright pixels", frame.index);
    }
    Ok(())
}
