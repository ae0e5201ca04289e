//! A frame of several instances: who is looked at, what is searched, and what is reported.

use super::cut::{CutWatch, Grid};
use super::kind::{Kind, Thresholds};
use super::look::{Candidates, Looker};
use super::place::Candidate;
use super::search::{Due, Search};
use super::service::{Cost, Pace};
use super::tracks::Tracks;
use super::trial;
use crate::error::Result;
use crate::scene::{BBox, CropBox, FrameInfo, Scene, Task, mean_score};

/// Padding of the box around the joints of a search that found something is that of the network.
const NO_PADDING: f32 = 1.0;

/// Options of a [`Follower`].
#[derive(Debug, Clone, PartialEq)]
pub struct FollowOptions {
    /// The networks, at most one of a task.
    pub kinds: Vec<Kind>,
    /// Heights of a finder's peaks that count, if there is one: for a new instance, and for a followed one.
    pub finder: Option<Thresholds>,
    /// The most instances of all kinds.
    pub limit: usize,
    /// New instances are searched only here.
    pub roi: Option<BBox>,
    /// The time for a frame; by default 85 % of the camera's period.
    pub budget_us: Option<u64>,
}

/// The schedule and the cost of a finder.
struct Finder {
    thresholds: Thresholds,
    search: Search,
    cost: Cost,
}

/// A search of new instances.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Searcher {
    Finder,
    /// The network of a task.
    Own(Task),
}

/// Follows several hands and bodies.
pub struct Follower {
    tracks: Tracks,
    searches: [Search; 2],
    costs: [Cost; 2],
    finder: Option<Finder>,
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
            tracks: Tracks::new(&options.kinds, options.limit, options.finder),
            searches: Default::default(),
            costs: Default::default(),
            finder: options.finder.map(|thresholds| Finder {
                thresholds,
                search: Search::of_finder(),
                cost: Cost::default(),
            }),
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
        if let Some(finder) = &mut self.finder {
            finder.search.restart();
        }
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
            Some((searcher, Due::Now)) => self.pass_cost_us(searcher),
            _ => 0,
        };
        let is_forced = matches!(pass, Some((_, Due::Now)));
        let (mut spent_us, mut looks) = (0_u64, 0);
        for at in self.tracks.order(now_us) {
            // Of a forced pass and a new instance, one takes the place of a track's look.
            let is_on_trial = self.tracks.is_on_trial(at);
            if is_on_trial && is_forced && looks > 0 {
                continue;
            }
            let cost_us = self.cost_us(self.tracks.task(at));
            let fits = |spent_us: u64| spent_us.saturating_add(cost_us + reserve_us) <= budget_us;
            if looks > 0 && !fits(spent_us) {
                break;
            }
            spent_us = spent_us.saturating_add(self.look(at, frame, looker)?);
            looks += 1;
            // A new instance that has begun its looks is born soon.
            while is_on_trial && self.tracks.is_on_trial(at) && cost_us > 0 && fits(spent_us) {
                spent_us = spent_us.saturating_add(self.look(at, frame, looker)?);
            }
        }
        if !is_forced {
            // One that is begun is born before more are searched.
            self.try_new(frame, looker, &mut spent_us)?;
        }
        if let Some((searcher, _)) = pass {
            let fits = |spent_us: u64, cost_us| spent_us.saturating_add(cost_us) <= budget_us;
            if is_forced || looks == 0 || fits(spent_us, self.pass_cost_us(searcher)) {
                spent_us = spent_us.saturating_add(self.pass(searcher, frame, looker)?);
            }
            // Nothing else needs the time.
            while self.tracks.is_idle()
                && self.candidates.is_empty()
                && fits(spent_us, self.pass_cost_us(searcher))
                && self
                    .search(searcher)
                    .is_some_and(|search| search.is_in_round())
            {
                spent_us = spent_us.saturating_add(self.pass(searcher, frame, looker)?);
            }
        }
        self.offer(frame);
        self.try_new(frame, looker, &mut spent_us)
    }

    /// Looks at new instances for as long as there is time.
    fn try_new(
        &mut self,
        frame: &FrameInfo,
        looker: &mut dyn Looker,
        spent_us: &mut u64,
    ) -> Result<()> {
        while let Some(at) = self.tracks.next_trial() {
            let cost_us = self.cost_us(self.tracks.task(at));
            if spent_us.saturating_add(cost_us) > self.pace.budget_us() {
                break;
            }
            let was_known = self.costs[index(self.tracks.task(at))].is_known();
            *spent_us = spent_us.saturating_add(self.look(at, frame, looker)?);
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

    fn pass_cost_us(&self, searcher: Searcher) -> u64 {
        match (searcher, &self.finder) {
            (Searcher::Finder, Some(finder)) => finder.cost.mean_us(),
            (Searcher::Finder, None) => 0,
            (Searcher::Own(task), _) => self.cost_us(task),
        }
    }

    fn search(&mut self, searcher: Searcher) -> Option<&mut Search> {
        match searcher {
            Searcher::Finder => self.finder.as_mut().map(|finder| &mut finder.search),
            Searcher::Own(task) => Some(&mut self.searches[index(task)]),
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
        self.tracks.absorb(at, frame, &look);
        if task == Task::Body {
            for hand in self.tracks.hands_of(at, frame) {
                // More hands than the list holds wait for the next frame.
                let _ = self.candidates.push(hand);
            }
        }
        Ok(look.took_us)
    }

    /// Whether one more of any kind may be followed.
    fn has_room(&self) -> bool {
        let mut kinds = self.tracks.kinds().iter();
        kinds.any(|kind| self.tracks.has_room(kind.task))
    }

    /// The search that is the most overdue, and how urgent it is.
    fn next_pass(&mut self, now_us: u64) -> Option<(Searcher, Due)> {
        let (is_idle, has_room) = (self.tracks.is_idle(), self.has_room());
        if let Some(finder) = &mut self.finder {
            return match finder.search.due(now_us, is_idle) {
                // Full slots are looked at too, if rarely, to find ghosts among them.
                Due::IfThereIsTime if !has_room => None,
                Due::No => None,
                due => Some((Searcher::Finder, due)),
            };
        }
        let mut next: Option<(Task, Due)> = None;
        for place in 0..self.tracks.kinds().len() {
            let task = self.tracks.kinds()[place].task;
            let due = self.searches[index(task)].due(now_us, is_idle);
            let last_us = |task| self.searches[index(task)].last_us();
            let is_first = next.is_none_or(|(other, _)| last_us(task) < last_us(other));
            if due != Due::No && self.tracks.has_room(task) && is_first {
                next = Some((task, due));
            }
        }
        next.map(|(task, due)| (Searcher::Own(task), due))
    }

    /// Searches the next place for new instances.
    fn pass(
        &mut self,
        searcher: Searcher,
        frame: &FrameInfo,
        looker: &mut dyn Looker,
    ) -> Result<u64> {
        let now_us = frame.captured.mono_us;
        let whole = BBox::whole(frame.width_px, frame.height_px);
        let roi = self.roi.unwrap_or(whole);
        let has_room = self.has_room();
        let Some(search) = self.search(searcher) else {
            return Ok(0);
        };
        let area = if has_room {
            search.take(&roi, now_us)
        } else {
            // Nothing is searched: the pass is for those that are followed.
            search.passed(now_us);
            whole
        };
        match searcher {
            Searcher::Finder => self.find(&area, area == whole, now_us, looker),
            Searcher::Own(task) => self.search_with(task, &area, looker),
        }
    }

    /// A pass of the finder. Peaks of the whole frame also tell which followed instances are doubtful.
    fn find(
        &mut self,
        area: &BBox,
        is_whole: bool,
        now_us: u64,
        looker: &mut dyn Looker,
    ) -> Result<u64> {
        let Some(finder) = &mut self.finder else {
            return Ok(0);
        };
        let before = self.candidates.len();
        let pass = looker.find(area, &mut self.candidates)?;
        finder.cost.record(pass.took_us);
        let peaks = &self.candidates[before..];
        if is_whole {
            let is_sure = |peak: &&Candidate| peak.score >= finder.thresholds.keep;
            let sure: Candidates = peaks.iter().filter(is_sure).copied().collect();
            self.tracks.audit(now_us, &sure, pass.sure_side_px);
        }
        let birth = trial::least_peak(&finder.thresholds);
        self.candidates
            .retain(|found| found.parent.is_some() || found.score >= birth);
        Ok(pass.took_us)
    }

    /// A pass of a task's own network.
    fn search_with(&mut self, task: Task, area: &BBox, looker: &mut dyn Looker) -> Result<u64> {
        let Some(&kind) = self.tracks.kinds().iter().find(|kind| kind.task == task) else {
            return Ok(0);
        };
        let crop = CropBox::new(*area, NO_PADDING, kind.input_px);
        let look = looker.look(task, &crop)?;
        self.costs[index(task)].record(look.took_us);
        // A map of presence speaks of the middle of a region, and a search finds anywhere in it.
        let score = mean_score(&look.keypoints);
        if score >= kind.search_score
            && let Some(bbox) = super::tracks::box_of(&look.keypoints, kind.min_score)
        {
            // The list has room: wrists are at most 16.
            let _ = self.candidates.push(Candidate {
                task,
                bbox,
                score,
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
