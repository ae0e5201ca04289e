//! The packets of all senders as a table that is painted again and again, and the newest frame as skeletons.
//!
//! In: packets and counts. Out: text for a terminal. Memory does not grow: a sender beyond the last row is not shown.

use super::counts::Counts;
use super::dots::Dots;
use super::screen::{Screen, Size};
use crate::limits::{MAX_INSTANCES, MAX_KEYPOINTS};
use crate::sink::bones;
use crate::wire::{Body, Flags, InstanceState, Loss, Packet};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Time between two paintings.
const PERIOD: Duration = Duration::from_millis(100);
/// Time over which a rate is measured.
const RATE_PERIOD: Duration = Duration::from_secs(1);
/// Streams that are shown.
const MAX_ROWS: usize = 16;
/// Columns and rows of the largest drawing.
const DRAWING: Size = Size {
    columns: 78,
    rows: 24,
};

/// A hand or person of the newest frame.
struct Found {
    /// Its number, if it has one.
    number: Option<u16>,
    task: u8,
    joint_table: u8,
    state: &'static str,
    score: f32,
    /// Pixels of the frame.
    points: heapless::Vec<Option<(f32, f32)>, MAX_KEYPOINTS>,
}

/// A stream: packets with the same number.
struct Row {
    instance: u8,
    /// The newest packet that says something of the stream's state.
    flags: Flags,
    frame_index: u32,
    age_us: u32,
    size_px: [u16; 2],
    found: heapless::Vec<Found, MAX_INSTANCES>,
    came: Instant,
    /// Packets since `rate_from`.
    count: u32,
    rate_from: Instant,
    rate: f32,
}

/// See the module's comment.
pub(super) struct Table {
    screen: Screen,
    draws: bool,
    rows: heapless::Vec<Row, MAX_ROWS>,
    painted: Option<Instant>,
}

impl Table {
    pub fn new(size: Size, draws: bool) -> Self {
        Table {
            screen: Screen::new(size),
            draws,
            rows: heapless::Vec::new(),
            painted: None,
        }
    }

    pub fn take(&mut self, packet: &Packet, now: Instant) {
        let known = self
            .rows
            .iter()
            .position(|row| row.instance == packet.instance);
        let at = known.or_else(|| {
            let is_in = self.rows.push(Row::new(packet.instance, now)).is_ok();
            is_in.then(|| self.rows.len() - 1)
        });
        if let Some(at) = at {
            self.rows[at].take(packet, now);
            self.rows.sort_unstable_by_key(|row| row.instance);
        }
    }

    /// The bytes to write, if it is time to paint.
    pub fn paint(
        &mut self,
        from: &str,
        counts: &Counts,
        loss: Loss,
        now: Instant,
    ) -> Option<String> {
        let is_due = |painted: Instant| now.duration_since(painted) >= PERIOD;
        if !self.painted.is_none_or(is_due) {
            return None;
        }
        self.painted = Some(now);
        let text = self.text(from, counts, loss, now);
        Some(self.screen.paint(&text))
    }

    fn text(&mut self, from: &str, counts: &Counts, loss: Loss, now: Instant) -> String {
        let mut text = String::new();
        // A string takes all text.
        let _ = writeln!(
            text,
            "{from}: {} packets, {} lost, {} out of order, {} invalid",
            counts.valid,
            loss.lost,
            loss.late,
            counts.invalid.count()
        );
        let _ = writeln!(
            text,
            "{:>6} {:>9} {:>9} {:>8} {:>8}  state",
            "stream", "packets/s", "frame", "age ms", "quiet s"
        );
        for row in &mut self.rows {
            row.write(&mut text, now);
        }
        if self.draws {
            self.draw(&mut text);
        }
        text
    }

    /// The stream whose packet came last.
    fn draw(&self, text: &mut String) {
        let Some(row) = self.rows.iter().max_by_key(|row| row.came) else {
            return;
        };
        let Size { columns, rows } = self.screen.size();
        // Without the frame around it, the lines above and the cursor's.
        let columns = columns.saturating_sub(2).min(DRAWING.columns);
        let rows = rows
            .saturating_sub(3 + text.lines().count())
            .min(DRAWING.rows);
        let [width_px, height_px] = row.size_px;
        let Some(mut dots) = Dots::new(width_px, height_px, columns, rows) else {
            return;
        };
        for found in &row.found {
            let place = |joint: u8| found.points.get(usize::from(joint)).copied().flatten();
            for &(from, to) in bones(found.joint_table) {
                if let (Some(from), Some(to)) = (place(from), place(to)) {
                    dots.line(from, to);
                }
            }
            for point in found.points.iter().flatten() {
                dots.line(*point, *point);
            }
        }
        text.push_str(&dots.text());
    }
}

impl Row {
    fn new(instance: u8, now: Instant) -> Self {
        Row {
            instance,
            flags: Flags::default(),
            frame_index: 0,
            age_us: u32::MAX,
            size_px: [0; 2],
            found: heapless::Vec::new(),
            came: now,
            count: 0,
            rate_from: now,
            rate: 0.0,
        }
    }

    fn take(&mut self, packet: &Packet, now: Instant) {
        self.came = now;
        self.count += 1;
        if matches!(packet.body, Body::Stats(_)) {
            return;
        }
        (self.flags, self.age_us) = (packet.flags, packet.age_us);
        if matches!(packet.body, Body::Heartbeat) {
            return;
        }
        let size_px = [packet.frame_width_px, packet.frame_height_px];
        let is_part = match &packet.body {
            Body::Instances(part) => part.part().0 > 0 && packet.frame_index == self.frame_index,
            _ => false,
        };
        if !is_part {
            self.found.clear();
        }
        (self.frame_index, self.size_px) = (packet.frame_index, size_px);
        match &packet.body {
            Body::Keypoints(joints) if !packet.flags.contains(Flags::LOST) => {
                let points = joints.iter().map(|joint| joint.position_px(packet.unit));
                // There is room for one.
                let _ = self.found.push(Found {
                    number: None,
                    task: packet.task,
                    joint_table: packet.joint_table,
                    state: "found",
                    score: packet.score(),
                    points: points.collect(),
                });
            }
            Body::Instances(part) => {
                for one in part.instances() {
                    let state = InstanceState::from_code(one.state);
                    let joints = one.joints.iter();
                    let points = joints.map(|joint| joint.point.position_px(packet.unit));
                    // A sender that has more is not shown whole.
                    let _ = self.found.push(Found {
                        number: Some(one.number),
                        task: one.task,
                        joint_table: one.joint_table,
                        state: state.map_or("?", |state| state.name()),
                        score: f32::from(one.presence) / 255.0,
                        points: points.collect(),
                    });
                }
            }
            _ => {}
        }
    }

    fn write(&mut self, text: &mut String, now: Instant) {
        let measured = now.duration_since(self.rate_from);
        if measured >= RATE_PERIOD {
            self.rate = self.count as f32 / measured.as_secs_f32();
            (self.count, self.rate_from) = (0, now);
        }
        let age = match self.age_us {
            u32::MAX => "-".into(),
            age_us => format!("{:.1}", f64::from(age_us) / 1000.0),
        };
        let quiet_s = now.duration_since(self.came).as_secs_f32();
        let flags: Vec<&str> = self.flags.names().collect();
        let _ = writeln!(
            text,
            "{:>6} {:>9.1} {:>9} {age:>8} {quiet_s:>8.1}  {}",
            self.instance,
            self.rate,
            self.frame_index,
            flags.join(" ")
        );
        for found in &self.found {
            let name = match found.task {
                1 => "hand",
                2 => "body",
                _ => "?",
            };
            let number = found
                .number
                .map_or(String::new(), |number| format!("#{number} "));
            let points = found.points.iter().flatten();
            let joints = points.clone().count();
            let _ = write!(
                text,
                "       {number}{name} {} {:.2}, {joints} of {} joints",
                found.state,
                found.score,
                found.points.len()
            );
            let sum = points.fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
            if joints > 0 {
                let (x, y) = (sum.0 / joints as f32, sum.1 / joints as f32);
                let _ = write!(text, " around {x:.0},{y:.0}");
            }
            text.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Keypoint;
    use crate::wire::{FixedPoint, WireKeypoint, test_packet};

    const SIZE: Size = Size {
        columns: 100,
        rows: 40,
    };

    fn hand(instance: u8, flags: Flags, frame_index: u32) -> Packet {
        let unit = FixedPoint::for_frame(640, 480);
        let joint = |index: usize| {
            let keypoint = Keypoint {
                x_px: 100.0 + 20.0 * index as f32,
                y_px: 200.0,
                score: if index < 20 { 0.5 } else { 0.0 },
            };
            WireKeypoint::new(&keypoint, unit)
        };
        Packet {
            instance,
            frame_index,
            frame_width_px: 640,
            frame_height_px: 480,
            age_us: 23_400,
            unit,
            body: Body::Keypoints((0..21).map(joint).collect()),
            ..test_packet(flags)
        }
    }

    fn text(table: &mut Table, now: Instant) -> String {
        table.text("udp:1", &Counts::default(), Loss::default(), now)
    }

    #[test]
    fn each_stream_has_a_row_and_what_it_found() {
        let begun = Instant::now();
        let mut table = Table::new(SIZE, false);
        for second in 0..=20 {
            let now = begun + Duration::from_millis(100 * second);
            table.take(&hand(2, Flags::TRACKING, second as u32), now);
            table.take(&hand(1, Flags::LOST, 7), now);
        }
        let shown = text(&mut table, begun + Duration::from_secs(4));
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 5);
        assert!(lines[0].starts_with("udp:1: 0 packets, 0 lost"));
        let words = |line: &str| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(lines[2]), ["1", "5.2", "7", "23.4", "2.0", "lost"]);
        assert_eq!(
            words(lines[3]),
            ["2", "5.2", "20", "23.4", "2.0", "tracking"]
        );
        assert_eq!(
            lines[4].trim(),
            "hand found 0.00, 20 of 21 joints around 290,200"
        );
        // A heartbeat says that the camera is gone, and what was found last stays.
        let later = begun + Duration::from_secs(5);
        let mut gone = test_packet(Flags::NO_CAMERA);
        gone.instance = 2;
        table.take(&gone, later);
        assert!(text(&mut table, later).contains("no_camera\n       hand found"));
    }

    #[test]
    fn it_is_painted_ten_times_a_second_and_the_drawing_fits() {
        let begun = Instant::now();
        let mut table = Table::new(SIZE, true);
        table.take(&hand(1, Flags::TRACKING, 1), begun);
        let mut paint = |ms| {
            let now = begun + Duration::from_millis(ms);
            table.paint("udp:1", &Counts::default(), Loss::default(), now)
        };
        let first = paint(0).unwrap();
        assert!(paint(50).is_none() && paint(100).is_some());
        // The hand's bones are a line of dots.
        assert!(
            first.contains('\u{28ff}') || first.contains('\u{2809}') || first.contains('\u{2824}'),
            "{first}"
        );
        assert!(first.lines().count() < SIZE.rows);
        assert!(
            first
                .lines()
                .all(|line| line.chars().count() < SIZE.columns)
        );
    }

    #[test]
    fn more_streams_than_rows_take_no_memory() {
        let now = Instant::now();
        let mut table = Table::new(SIZE, false);
        for instance in 0..=255 {
            table.take(&hand(instance, Flags::TRACKING, 1), now);
        }
        assert_eq!(table.rows.len(), MAX_ROWS);
    }
}
