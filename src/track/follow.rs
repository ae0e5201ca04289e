//! A frame of several instances: who is looked at, what is searched, and what is reported.

use super::cut::{CutWatch, Grid};
use super::kind::Kind;
use super::place::Candidate;
use super::search::{Due, Search};
use super::service::{Cost, Pace};
use super::tracks::{MAX_CANDIDATES, Tracks};
use crate::error::Result;
use crate::scene::{BBox, CropBox, FrameInfo, Keypoints, Scene, Task};

/// A finder's peak counts from here on.
const MIN_PEAK: f32 = 0.5;
/// Padding of the box around the joints of a search that found something is that of the network.
const NO_PADDING: f32 = 1.0;

/// What a network saw in a region.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// In source-frame pixels.
    pub keypoints: Keypoints,
    /// Evidence of an instance, 0 to 1.
    pub presence: f32,
    /// The time that it took.
    pub took_us: u64,
}

/// Candidates of one pass.
pub type Candidates = heapless::Vec<Candidate, MAX_CANDIDATES>;

/// The networks that look at a frame.
pub trait Looker {
    /// Looks at a region for one hand or body.
    ///
    /// # Errors
    /// Those of the network.
    fn look(&mut self, task: Task, crop: &CropBox) -> Result<Look>;

    /// Searches an area with a finder network, if there is one, and gives the time that it took. Without one, the
    /// networks of [`Looker::look`] search.
    ///
    /// # Errors
    /// Those of the network.
    fn find(&mut self, _area: &BBox, _found: &mut Candidates) -> Result<Option<u64>> {
        Ok(None)
    }
}

/// Options of a [`Follower`].
#[derive(Debug, Clone, PartialEq)]
pub struct FollowOptions {
    /// The networks, at most one of a task.
    pub kinds: Vec<Kind>,
    /// The most instances of all kinds.
    pub limit: usize,
    /// New instances are searched only here.
    pub roi: Option<BBox>,
    /// The time for a frame; by default 85 % of the camera's period.
    pub budget_us: Option<u64>,
    /// The pictures are mirror images.
    pub is_mirrored: bool,
}

/// Follows several hands and bodies.
pub struct Follower {
    tracks: Tracks,
    searches: [Search; 2],
    costs: [Cost; 2],
    finder_cost: Cost,
    has_finder: bool,
    pace: Pace,
    cut: CutWatch,
    roi: Option<BBox>,
    candidates: Candidates,
    last_us: u64,
}

impl Follower {
    /// All memory is in the value.
    pub fn new(options: &FollowOptions) -> Follower {
        Follower {
            tracks: Tracks::new(&options.kinds, options.limit, options.is_mirrored),
            searches: Default::default(),
            costs: Default::default(),
            finder_cost: Cost::default(),
            has_finder: false,
            pace: Pace::new(options.budget_us),
            cut: CutWatch::default(),
            roi: options.roi,
            candidates: Candidates::new(),
            last_us: 0,
        }
    }

    /// The next frame does not continue the last one.
    pub fn reset(&mut self) {
        self.tracks.cut(self.last_us);
        self.searches.iter_mut().for_each(Search::restart);
    }

    /// The region in which new instances are searched.
    pub fn roi(&self) -> Option<BBox> {
        self.roi
    }

    /// Searches in another region from the next frame on, beginning with the whole of it. What is followed stays.
    pub fn set_roi(&mut self, roi: Option<BBox>) {
        self.roi = roi;
        self.searches.iter_mut().for_each(Search::restart);
    }

    /// Processes a frame, and fills the scene with its instances. `grid` is the frame's brightness.
    ///
    /// # Errors
    /// Those of the networks.
    pub fn frame(
        &mut self,
        frame: FrameInfo,
        grid: Option<&Grid>,
        looker: &mut dyn Looker,
        scene: &mut Scene,
    ) -> Result<()> {
        scene.frame = frame;
        scene.instances.clear();
        self.last_us = frame.captured.mono_us;
        self.pace.frame(frame.index, self.last_us);
        if grid.is_some_and(|grid| self.cut.is_cut(grid)) {
            self.reset();
        }
        self.tracks.begin(&frame);
        self.spend(&frame, looker)?;
        self.tracks.settle(&frame);
        self.tracks.report(&frame, scene);
        Ok(())
    }

    /// Spends the frame's time: tracks, one pass of search, new instances.
    fn spend(&mut self, frame: &FrameInfo, looker: &mut dyn Looker) -> Result<()> {
        let now_us = frame.captured.mono_us;
        let budget_us = self.pace.budget_us();
        self.candidates.clear();
        let pass = self.next_pass(now_us);
        let reserve_us = match pass {
            Some((task, Due::Now)) => self.pass_cost_us(task),
            _ => 0,
        };
        let is_forced = matches!(pass, Some((_, Due::Now)));
        let (mut spent_us, mut looks, mut trials) = (0_u64, 0, 0);
        for at in self.tracks.order(now_us) {
            // Of a forced pass and a new instance, one takes the place of a track's look.
            if self.tracks.is_on_trial(at) {
                if looks > 0 && (is_forced || trials > 0) {
                    continue;
                }
                trials += 1;
            }
            let cost_us = self.cost_us(self.tracks.task(at));
            if looks > 0 && spent_us.saturating_add(cost_us + reserve_us) > budget_us {
                break;
            }
            spent_us = spent_us.saturating_add(self.look(at, frame, looker)?);
            looks += 1;
        }
        if let Some((task, _)) = pass {
            let fits = |spent_us: u64, cost_us| spent_us.saturating_add(cost_us) <= budget_us;
            if is_forced || looks == 0 || fits(spent_us, self.pass_cost_us(task)) {
                spent_us = spent_us.saturating_add(self.pass(task, frame, looker)?);
            }
            // Nothing else needs the time.
            while self.tracks.is_idle()
                && self.candidates.is_empty()
                && fits(spent_us, self.pass_cost_us(task))
                && self.searches[index(task)].is_in_round()
            {
                spent_us = spent_us.saturating_add(self.pass(task, frame, looker)?);
            }
        }
        self.offer(frame);
        while let Some(at) = self.tracks.next_trial() {
            if spent_us.saturating_add(self.cost_us(self.tracks.task(at))) > budget_us {
                break;
            }
            let was_known = self.costs[index(self.tracks.task(at))].is_known();
            spent_us = spent_us.saturating_add(self.look(at, frame, looker)?);
            if !was_known {
                self.offer(frame);
            }
        }
        Ok(())
    }

    /// New instances at this frame's candidates, as many as there is time for.
    fn offer(&mut self, frame: &FrameInfo) {
        let (pace, costs) = (&self.pace, &self.costs);
        self.tracks
            .offer(frame, &mut self.candidates, |tracks, task| {
                let cost_us = |task: Task| costs[index(task)].mean_us();
                let all_us = [Task::Hand, Task::Body]
                    .map(|task| cost_us(task) * tracks.live(task) as u64)
                    .iter()
                    .sum::<u64>();
                let looks = tracks.live(Task::Hand) + tracks.live(Task::Body) + 1;
                // Until the first look, nobody knows how many there is time for.
                let is_known = costs[index(task)].is_known() || tracks.live(task) == 0;
                is_known && pace.allows(looks, all_us + cost_us(task))
            });
    }

    fn cost_us(&self, task: Task) -> u64 {
        self.costs[index(task)].mean_us()
    }

    fn pass_cost_us(&self, task: Task) -> u64 {
        if self.has_finder {
            self.finder_cost.mean_us()
        } else {
            self.cost_us(task)
        }
    }

    /// Looks at a slot's region. A body gives its hands as candidates.
    fn look(&mut self, at: usize, frame: &FrameInfo, looker: &mut dyn Looker) -> Result<u64> {
        let now_us = frame.captured.mono_us;
        let task = self.tracks.task(at);
        let Some(crop) = self.tracks.crop(at, now_us) else {
            return Ok(0);
        };
        let look = looker.look(task, &crop)?;
        self.costs[index(task)].record(look.took_us);
        self.tracks
            .absorb(at, frame, &look.keypoints, look.presence);
        if task == Task::Body {
            for hand in self.tracks.hands_of(at, frame) {
                // More hands than the list holds wait for the next frame.
                let _ = self.candidates.push(hand);
            }
        }
        Ok(look.took_us)
    }

    /// The task whose search is the most overdue, and how urgent it is.
    fn next_pass(&mut self, now_us: u64) -> Option<(Task, Due)> {
        let is_idle = self.tracks.is_idle();
        let mut next: Option<(Task, Due)> = None;
        for place in 0..self.tracks.kinds().len() {
            let task = self.tracks.kinds()[place].task;
            let has_room = self.tracks.has_room(task);
            let search = &mut self.searches[index(task)];
            let due = match search.due(now_us, is_idle) {
                // A finder looks at full slots too, to find ghosts among them.
                Due::IfThereIsTime if !has_room => Due::No,
                _ if !has_room && !self.has_finder => Due::No,
                due => due,
            };
            let last_us = |task| self.searches[index(task)].last_us();
            let is_first = next.is_none_or(|(other, _)| last_us(task) < last_us(other));
            if due != Due::No && is_first {
                next = Some((task, due));
            }
        }
        next
    }

    /// Searches the next place for new instances.
    fn pass(&mut self, task: Task, frame: &FrameInfo, looker: &mut dyn Looker) -> Result<u64> {
        let now_us = frame.captured.mono_us;
        let whole = BBox::whole(frame.width_px, frame.height_px);
        let area = self.searches[index(task)].take(self.roi.as_ref().unwrap_or(&whole), now_us);
        let before = self.candidates.len();
        if let Some(took_us) = looker.find(&area, &mut self.candidates)? {
            self.has_finder = true;
            self.finder_cost.record(took_us);
            let peaks = &self.candidates[before..];
            if area == whole {
                self.tracks.audit(now_us, peaks);
            }
            self.candidates
                .retain(|found| found.parent.is_some() || found.score >= MIN_PEAK);
            return Ok(took_us);
        }
        let Some(&kind) = self.tracks.kinds().iter().find(|kind| kind.task == task) else {
            return Ok(0);
        };
        let crop = CropBox::new(area, NO_PADDING, kind.input_px);
        let look = looker.look(task, &crop)?;
        self.costs[index(task)].record(look.took_us);
        if look.presence >= kind.presence.keep
            && let Some(bbox) = super::tracks::box_of(&look.keypoints, kind.min_score)
        {
            // The list has room: wrists are at most 16.
            let _ = self.candidates.push(Candidate {
                task,
                bbox,
                score: look.presence,
                side: None,
                parent: None,
            });
        }
        Ok(look.took_us)
    }
}

fn index(task: Task) -> usize {
    match task {
        Task::Hand => 0,
        Task::Body => 1,
    }
}
