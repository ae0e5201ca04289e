//! A USB camera for the kernel's own driver: a device in this program, behind the kernel's virtual
//! host controller.
//!
//! In: a JPEG, and faults. Out: a UVC camera that can really be unplugged. The kernel's gadget
//! driver cannot be used: the dummy controller that would connect it has no isochronous transfers.

mod descriptors;
mod usbip;

use crate::Outcome;
use descriptors::{
    DEVICE, FRAME_INTERVAL, LARGEST_PAYLOAD_BYTES, configuration, streaming_control,
};
use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use usbip::{Request, Transfer};

const ATTACH: &str = "/sys/devices/platform/vhci_hcd.0/attach";
const PORT: u32 = 0;
const DEVICE_ID: u32 = 0x0001_0001;
const HIGH_SPEED: u32 = 3;
const STALLED: i32 = -32;
const TAKEN_BACK: i32 = -104;

const HEADER_BYTES: usize = 2;
const END_OF_HEADER: u8 = 0x80;
const BROKEN: u8 = 0x40;
const END_OF_FRAME: u8 = 0x02;

/// A fault of a frame.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    /// Its second half is missing.
    Cut,
    /// Bytes in its middle are changed.
    Garbage,
    /// The camera flags it as broken.
    Flagged,
    /// It does not come.
    Missing,
}

struct Picture {
    jpeg: Arc<Vec<u8>>,
    fault: Fault,
    /// Number of next frames with the fault.
    faulty: u32,
}

pub struct UsbCamera {
    picture: Arc<Mutex<Picture>>,
    cable: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl UsbCamera {
    /// Plugs the camera in. The kernel then queries it.
    pub fn plug(jpeg: Vec<u8>) -> Outcome<Self> {
        let (ours, kernels) = UnixStream::pair().map_err(|error| error.to_string())?;
        let cable = ours.try_clone().map_err(|error| error.to_string())?;
        let picture = Arc::new(Mutex::new(Picture {
            jpeg: Arc::new(jpeg),
            fault: Fault::Missing,
            faulty: 0,
        }));
        let thread = {
            let picture = Arc::clone(&picture);
            std::thread::spawn(move || {
                if let Err(error) = serve(ours, &picture) {
                    eprintln!("agent: USB camera: {error}");
                }
            })
        };
        let camera = UsbCamera {
            picture,
            cable,
            thread: Some(thread),
        };
        let line = format!("{PORT} {} {DEVICE_ID} {HIGH_SPEED}", kernels.as_raw_fd());
        std::fs::write(ATTACH, line).map_err(|error| format!("{ATTACH}: {error}"))?;
        Ok(camera)
    }

    pub fn show(&self, jpeg: Vec<u8>) {
        self.lock().jpeg = Arc::new(jpeg);
    }

    /// Makes the next `frames` frames faulty.
    pub fn spoil(&self, fault: &str, frames: u32) -> Outcome<()> {
        let fault = match fault {
            "cut" => Fault::Cut,
            "garbage" => Fault::Garbage,
            "flagged" => Fault::Flagged,
            "missing" => Fault::Missing,
            other => return Err(format!("unknown fault {other}")),
        };
        let mut picture = self.lock();
        picture.fault = fault;
        picture.faulty = frames;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Picture> {
        self.picture.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UsbCamera {
    fn drop(&mut self) {
        // It fails if the kernel has closed its end already.
        let _ = self.cable.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("agent: the USB camera's thread panicked");
        }
    }
}

/// A frame on its way out.
struct Sending {
    jpeg: Arc<Vec<u8>>,
    sent: usize,
    flags: u8,
}

fn serve(mut cable: UnixStream, picture: &Mutex<Picture>) -> io::Result<()> {
    let (sender, requests) = mpsc::channel();
    let mut incoming = cable.try_clone()?;
    let reader = std::thread::spawn(move || {
        while let Ok(request) = usbip::read(&mut incoming) {
            if sender.send(request).is_err() {
                return;
            }
        }
    });
    let period = Duration::from_nanos(100 * u64::from(FRAME_INTERVAL));
    let mut waiting: VecDeque<Transfer> = VecDeque::new();
    let mut sending: Option<Sending> = None;
    let mut frame_id = 0;
    let mut next_frame = Instant::now();
    let outcome = loop {
        let pause = next_frame
            .saturating_duration_since(Instant::now())
            .max(Duration::from_millis(1));
        match requests.recv_timeout(pause) {
            Ok(Request::Submit(transfer)) if transfer.endpoint == 0 => {
                let answered = match control(&transfer) {
                    Some(data) => usbip::answer(&mut cable, &transfer, 0, &data),
                    None => usbip::answer(&mut cable, &transfer, STALLED, &[]),
                };
                if answered.is_err() {
                    break answered;
                }
            }
            Ok(Request::Submit(transfer)) => waiting.push_back(transfer),
            Ok(Request::Unlink { sequence, which }) => {
                let before = waiting.len();
                waiting.retain(|transfer| transfer.sequence != which);
                let status = if waiting.len() < before {
                    TAKEN_BACK
                } else {
                    0
                };
                if let Err(error) = usbip::answer_unlink(&mut cable, sequence, status) {
                    break Err(error);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break Ok(()),
        }
        if sending.is_none() && !waiting.is_empty() && Instant::now() >= next_frame {
            next_frame = (next_frame + period).max(Instant::now());
            frame_id ^= 1;
            sending = take_frame(picture, frame_id);
        }
        while let (Some(frame), Some(transfer)) = (&mut sending, waiting.front()) {
            let (payload, ended) = next_payload(frame, transfer.length);
            if let Err(error) = usbip::answer(&mut cable, transfer, 0, &payload) {
                eprintln!("agent: USB camera: {error}");
            }
            waiting.pop_front();
            if ended {
                sending = None;
            }
        }
    };
    // So that the reader ends too.
    let _ = cable.shutdown(Shutdown::Both);
    if reader.join().is_err() {
        eprintln!("agent: the USB camera's reader panicked");
    }
    outcome
}

/// The next frame with its fault; `None` for a missing one.
fn take_frame(picture: &Mutex<Picture>, frame_id: u8) -> Option<Sending> {
    let mut picture = picture.lock().unwrap_or_else(PoisonError::into_inner);
    let mut frame = Sending {
        jpeg: Arc::clone(&picture.jpeg),
        sent: 0,
        flags: END_OF_HEADER | frame_id,
    };
    if picture.faulty > 0 {
        picture.faulty -= 1;
        match picture.fault {
            Fault::Missing => return None,
            Fault::Flagged => frame.flags |= BROKEN,
            Fault::Cut => {
                let half = frame.jpeg.len() / 2;
                frame.jpeg = Arc::new(frame.jpeg[..half].to_vec());
            }
            Fault::Garbage => {
                let mut bytes = frame.jpeg.to_vec();
                let middle = bytes.len() / 2;
                for (index, byte) in bytes.iter_mut().skip(middle).take(400).enumerate() {
                    *byte ^= (37 * index) as u8;
                }
                frame.jpeg = Arc::new(bytes);
            }
        }
    }
    Some(frame)
}

/// The bytes of one transfer, and whether they end the frame.
fn next_payload(frame: &mut Sending, room: u32) -> (Vec<u8>, bool) {
    let most = (room.min(LARGEST_PAYLOAD_BYTES) as usize).saturating_sub(HEADER_BYTES);
    let end = (frame.sent + most).min(frame.jpeg.len());
    let ended = end == frame.jpeg.len();
    let mut payload = vec![
        HEADER_BYTES as u8,
        frame.flags | if ended { END_OF_FRAME } else { 0 },
    ];
    payload.extend(&frame.jpeg[frame.sent..end]);
    frame.sent = end;
    (payload, ended)
}

/// Answers on endpoint 0; `None` stalls it.
fn control(transfer: &Transfer) -> Option<Vec<u8>> {
    const GET_DESCRIPTOR: u8 = 6;
    let [kind, request, selector_low, selector, ..] = transfer.setup;
    let mut data = match (kind, request) {
        (0x80, GET_DESCRIPTOR) => match selector {
            1 => DEVICE.to_vec(),
            2 => configuration(),
            _ => return None,
        },
        // Status: powered by the bus, not halted.
        (0x80..=0x82, 0) => vec![0, 0],
        // Configuration, interface, halt: there is one of each, and it is on.
        (0x00..=0x02, _) => Vec::new(),
        (0x81, 10) => vec![0],
        // Probe and commit.
        (0x21, 1) if matches!(selector, 1 | 2) => Vec::new(),
        (0xA1, 0x85) => vec![26, 0],
        (0xA1, 0x86) => vec![3],
        (0xA1, 0x81..=0x87) if matches!(selector, 1 | 2) && selector_low == 0 => {
            streaming_control().to_vec()
        }
        _ => return None,
    };
    data.truncate(transfer.length as usize);
    Some(data)
}
