//! A clip through the stream.

use super::clip::{Clip, Picture};
use super::coded;
use super::judge::Report;
use super::modelled::{self, FinderModel, PoseModel};
use super::recorder::{Recorded, Recorder};
use super::world::World;
use crate::clock::Instant;
use crate::engine::{Description, Network, Outputs, Workspace, WorkspaceSize};
use crate::error::{Error, Result};
use crate::filter::Smooth;
use crate::frame::{Frame, PixelFormat, Pixels};
use crate::limits::MAX_INSTANCES;
use crate::pipeline::{
    Estimator, Finder, LookCosts, LookOptions, Pipeline, SeveralOptions, Stream, StreamOptions,
};
use crate::scene::{Mount, Task};
use crate::source::{FrameSource, Next, StillsSource};
use crate::stats::StageTimes;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A joint counts from about this score on: the default of `--min-score`.
const MIN_SCORE: f32 = 0.3;

/// How the clip is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// One instance, without a number.
    One,
    /// Several, which the pose networks search themselves.
    Several,
    /// Several, which a finder finds.
    WithFinder,
}

/// Networks, and the workspace that fits them.
pub struct Networks {
    /// Of hands and bodies.
    pub poses: Vec<(crate::model::ModelCard, Box<dyn Network>)>,
    /// At most one.
    pub finder: Option<(crate::model::FinderCard, Box<dyn Network>)>,
    /// For all of them.
    pub work: Workspace,
}

/// Runs a clip. `networks` are for a clip of pictures; `seed` is of the noise of a modelled one.
///
/// # Errors
/// Those of the pictures and of the networks; [`ErrorKind::Usage`](crate::ErrorKind::Usage) if the clip needs networks that
/// are not given.
pub fn run(clip: &Clip, follow: Follow, networks: Option<Networks>, seed: u64) -> Result<Report> {
    let world = World::new(clip, seed);
    let networks = match networks {
        Some(networks) => networks,
        None => modelled(clip, &world, seed)?,
    };
    let spent_us = Arc::new(AtomicU64::new(0));
    let pipeline = pipeline(clip, follow, networks, &spent_us)?;
    let frames = RefCell::new(Vec::with_capacity(clip.frames()));
    let recorder = Recorder::new(&frames, MIN_SCORE, Arc::clone(&spent_us));
    let options = StreamOptions {
        mirrored: clip.is_mirrored,
        ..StreamOptions::default()
    };
    let mut stream = Stream::new(pipeline, vec![Box::new(recorder)], options, 1);
    let mut source = ClipSource::new(clip, world);
    let totals = stream.run(
        &mut source,
        &AtomicBool::new(false),
        &mut StageTimes::default(),
    )?;
    drop(stream);
    if totals.failed > 0 {
        let what = format!("the network failed in {} frames", totals.failed);
        return Err(Error::engine(what));
    }
    let recorded: Vec<Recorded> = frames.into_inner();
    Ok(Report::of(clip, &recorded))
}

fn pipeline(
    clip: &Clip,
    follow: Follow,
    networks: Networks,
    spent_us: &Arc<AtomicU64>,
) -> Result<Pipeline> {
    let metered = |network, cost_us| -> Box<dyn Network> {
        Box::new(Metered {
            network,
            cost_us,
            spent_us: Arc::clone(spent_us),
        })
    };
    let costs = clip.costs;
    let looks = LookOptions {
        mount: Mount {
            quarter_turns: clip.quarter_turns,
            is_mirrored: clip.is_mirrored && follow != Follow::One,
        },
        ..LookOptions::default()
    };
    let poses = networks.poses.into_iter();
    let mut estimators: Vec<Estimator> = poses
        .filter(|(card, _)| clip.follows(card.task))
        .map(|(card, network)| {
            let network = metered(network, costs.of(card.task));
            Estimator::with_card(card, network).with_options(&looks)
        })
        .collect();
    if follow == Follow::One {
        // The hand, if there are hands.
        estimators.truncate(1);
        let estimator = estimators
            .pop()
            .ok_or_else(|| Error::usage(format!("no model is for the clip {:?}", clip.name)))?;
        return Ok(Pipeline::new(estimator, networks.work, None, MIN_SCORE));
    }
    let finder = networks.finder.filter(|_| follow == Follow::WithFinder);
    let finder = finder.map(|(card, network)| {
        Finder::with_card(card, metered(network, costs.finder_us)).mounted(looks.mount)
    });
    let options = SeveralOptions {
        hands: clip.hands,
        bodies: clip.bodies,
        limit: MAX_INSTANCES,
        roi: None,
        budget: None,
        min_score: MIN_SCORE,
        // The recorder smooths, so that it has both.
        smooth: Smooth::Off,
        costs: Some(costs),
    };
    Pipeline::several(estimators, finder, networks.work, &options)
}

fn modelled(clip: &Clip, world: &World, seed: u64) -> Result<Networks> {
    let tasks = Task::ALL.into_iter().filter(|&task| clip.follows(task));
    let poses = tasks.map(|task| {
        let network = PoseModel::new(world.clone(), task, seed);
        let network: Box<dyn Network> = Box::new(network);
        (modelled::card(task), network)
    });
    let card = modelled::finder_card().map_err(|error| Error::engine(error.to_string()))?;
    let finder = FinderModel::new(world.clone(), &card, seed);
    Ok(Networks {
        poses: poses.collect(),
        finder: Some((card, Box::new(finder))),
        work: Workspace::new(None, 1)?,
    })
}

/// A network that adds up what its looks cost.
struct Metered {
    network: Box<dyn Network>,
    cost_us: u64,
    spent_us: Arc<AtomicU64>,
}

impl Network for Metered {
    fn describe(&self) -> &Description {
        self.network.describe()
    }

    fn workspace(&self) -> Option<WorkspaceSize> {
        self.network.workspace()
    }

    fn run(&mut self, work: &mut Workspace, input: &[f32], outputs: &mut Outputs) -> Result<()> {
        self.spent_us.fetch_add(self.cost_us, Ordering::Relaxed);
        self.network.run(work, input, outputs)
    }
}

/// The frames of a clip, as fast as they are asked for, with the clip's own times.
struct ClipSource<'a> {
    clip: &'a Clip,
    world: World,
    next: usize,
    /// The two rooms of a modelled clip.
    rooms: [Vec<u8>; 2],
    still: Option<StillsSource>,
}

impl<'a> ClipSource<'a> {
    fn new(clip: &'a Clip, world: World) -> ClipSource<'a> {
        let room = |is_other_room| match clip.is_of_pictures() {
            true => Vec::new(),
            false => coded::picture(clip.size_px, is_other_room),
        };
        ClipSource {
            clip,
            world,
            next: 0,
            rooms: [room(false), room(true)],
            still: None,
        }
    }
}

impl FrameSource for ClipSource<'_> {
    fn next_frame(&mut self, _: Duration) -> Result<Next<'_>> {
        let Some(moment) = self.clip.moments.get(self.next) else {
            return Ok(Next::End);
        };
        let index = self.next as u64;
        self.next += 1;
        let captured = Instant {
            mono_us: moment.captured_us,
            wall_us: moment.captured_us,
        };
        match &moment.picture {
            Picture::Coded { is_other_room } => {
                self.world.set(moment);
                let (width, height) = self.clip.size_px;
                let rgb = &self.rooms[usize::from(*is_other_room)];
                let pixels =
                    Pixels::new(PixelFormat::Rgb24, width, height, 3 * width as usize, rgb)
                        .ok_or_else(|| Error::source(&self.clip.name, "has no valid size"))?;
                Ok(Next::Frame(Frame {
                    pixels,
                    captured,
                    index,
                    file: None,
                }))
            }
            Picture::File(path) => {
                let still = self.still.insert(StillsSource::image(path)?);
                match still.next_frame(Duration::ZERO)? {
                    Next::Frame(frame) => Ok(Next::Frame(Frame {
                        captured,
                        index,
                        ..frame
                    })),
                    _ => Err(Error::data(path, "is no picture")),
                }
            }
        }
    }
}

/// Costs of a clip of pictures, which has none of its own.
pub(super) const PICTURE_COSTS: LookCosts = LookCosts {
    hand_us: 10_000,
    body_us: 17_000,
    finder_us: 16_000,
};
