//! Bytes of a pipe to whole pictures.
//!
//! In: bytes as they come, with the earliest time at which they could be read. Out: whole pictures, published at the
//! [`Exchange`]. Raw bytes are read where the picture fills; bytes of JPEGs are copied once.

use super::exchange::{Exchange, Picture};
use super::spec::{Encoding, PipeSpec, READ_BYTES};
use super::splitter::{Mark, Splitter};

/// The first two bytes of a JPEG.
const START: [u8; 2] = [0xFF, 0xD8];

/// The way from bytes to pictures.
#[derive(Debug)]
pub(super) struct Assembler {
    filling: Filling,
    way: Way,
}

/// The picture that fills.
#[derive(Debug)]
struct Filling {
    picture: Picture,
    /// The time of its first byte; `None` if nobody knows it.
    begun_us: Option<u64>,
    /// Index of the picture in the source.
    index: u64,
}

#[derive(Debug)]
enum Way {
    /// Each picture fills the memory.
    Raw,
    Jpeg {
        splitter: Splitter,
        read: Box<[u8]>,
        /// The bytes belong to a picture.
        is_inside: bool,
        /// The time of the piece before.
        before_us: Option<u64>,
    },
}

impl Assembler {
    pub(super) fn new(spec: &PipeSpec) -> Self {
        Assembler {
            filling: Filling {
                picture: Picture::with_room(spec.frame_bytes()),
                begun_us: None,
                index: 0,
            },
            way: match spec.encoding {
                Encoding::Raw(_) => Way::Raw,
                Encoding::Jpeg => Way::Jpeg {
                    splitter: Splitter::default(),
                    read: vec![0; READ_BYTES].into(),
                    is_inside: false,
                    before_us: None,
                },
            },
        }
    }

    /// The place of the next bytes, never empty.
    pub(super) fn room(&mut self) -> &mut [u8] {
        match &mut self.way {
            Way::Raw => &mut self.filling.picture.memory[self.filling.picture.length..],
            Way::Jpeg { read, .. } => read,
        }
    }

    /// Takes the first `count` bytes of the room, of which the first could be read at this time at the earliest.
    pub(super) fn took(&mut self, count: usize, earliest_us: Option<u64>, exchange: &Exchange) {
        match &mut self.way {
            Way::Raw => {
                if self.filling.picture.length == 0 {
                    self.filling.begun_us = earliest_us;
                }
                self.filling.picture.length += count;
                if self.filling.picture.length == self.filling.picture.memory.len() {
                    self.filling.finish(exchange);
                    exchange.good();
                }
            }
            Way::Jpeg { .. } => self.split(count, earliest_us, exchange),
        }
    }

    fn split(&mut self, count: usize, earliest_us: Option<u64>, exchange: &Exchange) {
        let mut done = 0;
        while done < count {
            let Way::Jpeg {
                splitter,
                read,
                is_inside,
                before_us,
            } = &mut self.way
            else {
                return;
            };
            let (length, mark) = splitter.walk(&read[done..count]);
            let piece = &read[done..done + length];
            done += length;
            if *is_inside {
                let end = self.filling.picture.length + length;
                match self
                    .filling
                    .picture
                    .memory
                    .get_mut(self.filling.picture.length..end)
                {
                    Some(place) => {
                        place.copy_from_slice(piece);
                        self.filling.picture.length = end;
                    }
                    None => {
                        *is_inside = false;
                        self.filling
                            .discard(exchange, "a JPEG that is longer than those of this size");
                    }
                }
            }
            match mark {
                None => {}
                Some(mark @ (Mark::Begin | Mark::BeginAgain)) => {
                    // The first of its two bytes may have come with the piece before.
                    let begun = if done >= START.len() {
                        earliest_us
                    } else {
                        *before_us
                    };
                    let was_inside = std::mem::replace(is_inside, true);
                    if was_inside && mark == Mark::BeginAgain {
                        self.filling.discard(exchange, "a JPEG that was cut off");
                    }
                    self.filling.picture.memory[..START.len()].copy_from_slice(&START);
                    self.filling.picture.length = START.len();
                    self.filling.begun_us = begun;
                }
                Some(Mark::End) if std::mem::take(is_inside) => self.filling.finish(exchange),
                Some(Mark::Fault) if std::mem::take(is_inside) => {
                    self.filling
                        .discard(exchange, "bytes that begin like a JPEG and are none");
                }
                // Of a picture that was dropped before.
                Some(Mark::End | Mark::Fault) => {}
            }
        }
        if let Way::Jpeg { before_us, .. } = &mut self.way {
            *before_us = earliest_us;
        }
    }

    /// The stream is another one from here on. What came of a picture is dropped and counted.
    pub(super) fn restart(&mut self, exchange: &Exchange) {
        if let Way::Jpeg {
            splitter,
            is_inside,
            ..
        } = &mut self.way
        {
            splitter.restart();
            *is_inside = false;
        }
        if self.filling.picture.length > 0 {
            self.filling.discard(exchange, "its end is missing");
        }
    }
}

impl Filling {
    /// The picture is whole.
    fn finish(&mut self, exchange: &Exchange) {
        let Some(begun_us) = self.begun_us else {
            self.discard(
                exchange,
                "it was in the pipe before anybody looked, so its age is not known",
            );
            return;
        };
        self.picture.captured_us = begun_us;
        self.picture.index = self.index;
        self.index += 1;
        exchange.publish(&mut self.picture);
        self.picture.length = 0;
    }

    fn discard(&mut self, exchange: &Exchange, why: &str) {
        exchange.skip(self.index, why);
        self.index += 1;
        self.picture.length = 0;
    }
}
