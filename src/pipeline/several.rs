//! Several instances of a frame: the networks as a [`Looker`], and the options of following.

use super::estimator::Estimator;
use super::finder::Finder;
use crate::engine::Workspace;
use crate::error::{Error, Result};
use crate::filter::{Smooth, Smoother};
use crate::frame::{Pixels, brightness};
use crate::model::{ModelCard, PresenceRule};
use crate::scene::{BBox, CropBox, FrameInfo, Scene, Task};
use crate::stats::StageTimes;
use crate::track::{
    Candidates, FollowOptions, Follower, GRID_COLUMNS, GRID_ROWS, Grid, Kind, Look, Looker, Pass,
    Thresholds,
};
use crate::wire::MAX_INSTANCE_JOINTS;
use std::time::{Duration, Instant};

/// Options of a [`Pipeline`](super::Pipeline) that follows several instances.
#[derive(Debug, Clone, PartialEq)]
pub struct SeveralOptions {
    /// The most hands.
    pub hands: usize,
    /// The most bodies.
    pub bodies: usize,
    /// The most of both together.
    pub limit: usize,
    /// New instances are searched only here.
    pub roi: Option<BBox>,
    /// The time of the networks for a frame; by default 85 % of the camera's period.
    pub budget: Option<Duration>,
    /// A joint counts from about this score on.
    pub min_score: f32,
    /// Smoothing of the joints over time.
    pub smooth: Smooth,
    /// Costs that count in place of measured times, so that a run does not depend on the machine.
    pub costs: Option<LookCosts>,
}

/// Costs of the networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookCosts {
    /// Of a look for a hand.
    pub hand_us: u64,
    /// Of a look for a body.
    pub body_us: u64,
    /// Of a pass of the finder.
    pub finder_us: u64,
}

impl LookCosts {
    /// The cost of a look.
    pub fn of(&self, task: Task) -> u64 {
        match task {
            Task::Hand => self.hand_us,
            Task::Body => self.body_us,
        }
    }
}

/// Follows several instances.
pub(super) struct Several {
    follower: Follower,
    smoother: Option<Smoother>,
    costs: Option<LookCosts>,
    grid: Grid,
}

impl Several {
    pub fn new(
        estimators: &[Estimator],
        finder: Option<&Finder>,
        options: &SeveralOptions,
    ) -> Result<Several> {
        let kinds = estimators
            .iter()
            .map(|one| kind(one, options))
            .collect::<Result<Vec<Kind>>>()?;
        if let [first, second] = kinds[..]
            && first.task == second.task
        {
            return Err(Error::usage(format!(
                "two models are for the task {}: give one for each task",
                first.task.name()
            )));
        }
        let budget_us = |budget: Duration| u64::try_from(budget.as_micros()).unwrap_or(u64::MAX);
        Ok(Several {
            follower: Follower::new(&FollowOptions {
                kinds,
                finder: finder.map(|finder| as_thresholds(finder.card().presence())),
                limit: options.limit,
                roi: options.roi,
                budget_us: options.budget.map(budget_us),
            }),
            smoother: options
                .smooth
                .strength()
                .map(|strength| Smoother::new(strength, options.min_score)),
            costs: options.costs,
            grid: [0; GRID_COLUMNS * GRID_ROWS],
        })
    }

    pub fn reset(&mut self) {
        self.follower.reset();
    }

    pub fn roi(&self) -> Option<BBox> {
        self.follower.roi()
    }

    pub fn set_roi(&mut self, roi: Option<BBox>) {
        self.follower.set_roi(roi);
    }

    pub fn process(
        &mut self,
        frame: FrameInfo,
        eyes: &mut Eyes<'_, '_>,
        scene: &mut Scene,
    ) -> Result<()> {
        brightness(eyes.pixels, GRID_COLUMNS as u32, &mut self.grid);
        eyes.costs = self.costs;
        self.follower.frame(frame, Some(&self.grid), eyes, scene)?;
        if let Some(smoother) = &mut self.smoother {
            smoother.apply(scene);
        }
        Ok(())
    }
}

fn kind(estimator: &Estimator, options: &SeveralOptions) -> Result<Kind> {
    let card = estimator.card();
    let joints = card.joints.len();
    if joints > MAX_INSTANCE_JOINTS {
        return Err(Error::usage(format!(
            "the {} model has {joints} joints, several instances can have {MAX_INSTANCE_JOINTS} each: follow one",
            card.task.name()
        )));
    }
    Ok(Kind {
        task: card.task,
        joint_table: card.joint_table_id(),
        padding: card.crop_padding,
        input_px: estimator.camera_px(),
        min_score: options.min_score,
        presence: thresholds(card),
        search_score: match card.tells_presence() {
            true => PresenceRule::DEFAULT.keep,
            false => card.presence().keep,
        },
        limit: match card.task {
            Task::Hand => options.hands,
            Task::Body => options.bodies,
        },
    })
}

/// The presence from which an instance counts.
pub(super) fn thresholds(card: &ModelCard) -> Thresholds {
    as_thresholds(card.presence())
}

fn as_thresholds(rule: PresenceRule) -> Thresholds {
    Thresholds {
        birth: rule.birth,
        keep: rule.keep,
    }
}

/// The networks and the frame that they look at.
pub(super) struct Eyes<'a, 'p> {
    pub estimators: &'a mut [Estimator],
    pub finder: Option<&'a mut Finder>,
    pub work: &'a mut Workspace,
    pub pixels: &'a Pixels<'p>,
    pub times: &'a mut StageTimes,
    /// In place of measured times.
    pub costs: Option<LookCosts>,
}

impl Looker for Eyes<'_, '_> {
    fn look(&mut self, task: Task, crop: &CropBox) -> Result<Look> {
        let begun = Instant::now();
        let mut estimators = self.estimators.iter_mut();
        let estimator = estimators
            .find(|one| one.card().task == task)
            .ok_or_else(|| Error::engine("no network is for this task"))?;
        let estimate = estimator.estimate(self.pixels, crop, self.work, self.times)?;
        Ok(Look {
            keypoints: estimate.keypoints,
            presence: estimate.presence,
            right_hand: estimate.right_hand,
            took_us: self
                .costs
                .map_or_else(|| elapsed_us(begun), |costs| costs.of(task)),
        })
    }

    fn find(&mut self, area: &BBox, found: &mut Candidates) -> Result<Pass> {
        let begun = Instant::now();
        let finder = self
            .finder
            .as_mut()
            .ok_or_else(|| Error::engine("there is no finder"))?;
        let sure_side_px = finder.find(self.pixels, area, self.work, self.times, found)?;
        Ok(Pass {
            took_us: self
                .costs
                .map_or_else(|| elapsed_us(begun), |costs| costs.finder_us),
            sure_side_px,
        })
    }
}

fn elapsed_us(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)
}
