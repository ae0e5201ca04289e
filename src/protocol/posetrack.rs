//! PoseTrack18's labels: videos of persons, each with an id.
//!
//! In: one of its files, or a folder of them, and the folder of the pictures. Out: [`Video`]s, with joints in the order of a model:
//! pictures to look at one by one, or clips to follow.

use super::clip::{Clip, Moment, Picture};
use super::run::PICTURE_COSTS;
use crate::error::{Error, Result};
use crate::file;
use crate::limits::{
    MAX_FRAME_PERSONS, MAX_INSTANCES, MAX_LABEL_BYTES, MAX_LABEL_FILES, MAX_REGION_CORNERS,
    MAX_VIDEO_FRAMES, MAX_VIDEO_PERSONS,
};
use crate::mot::{IN_VIEW, Polygon, Truth};
use crate::scene::{POSETRACK_JOINTS, Task, joint_places};
use crate::text::Shown;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Coordinates beyond this are no place in or near any frame.
const FAR_PX: f64 = 1e5;
/// Time of the first frame.
const START_US: u64 = 1_000_000;

/// The fields of a file that are used.
#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    #[serde(default)]
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: u64,
    file_name: String,
    frame_id: Option<u64>,
    vid_id: Option<Name>,
    is_labeled: Option<Flag>,
    ignore_regions_x: Option<Regions>,
    ignore_regions_y: Option<Regions>,
}

#[derive(Deserialize)]
struct Annotation {
    id: Option<u64>,
    image_id: u64,
    track_id: Option<u32>,
    keypoints: Option<Vec<f64>>,
    bbox: Option<Vec<f64>>,
}

#[derive(Deserialize)]
struct Category {
    #[serde(default)]
    keypoints: Vec<String>,
}

/// A number with or without leading zeros.
#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Number(u64),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Flag {
    Truth(bool),
    Number(f64),
}

impl Flag {
    fn is_set(self) -> bool {
        match self {
            Flag::Truth(is_set) => is_set,
            Flag::Number(number) => number > 0.0,
        }
    }
}

/// One axis of the corners of regions. Tools write a single region also without the outer list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Regions {
    One(Vec<f64>),
    Many(Vec<Vec<f64>>),
}

impl Regions {
    fn lists(&self) -> Vec<&[f64]> {
        match self {
            Regions::One(list) if list.is_empty() => Vec::new(),
            Regions::One(list) => vec![list],
            Regions::Many(lists) => lists.iter().map(Vec::as_slice).collect(),
        }
    }
}

/// A labelled video.
#[derive(Debug, Clone, PartialEq)]
pub struct Video {
    /// Its name in tables.
    pub name: String,
    /// The file of its labels, for errors.
    file: PathBuf,
    /// Joints of the model that the file can label.
    comparable: usize,
    /// Rising in time.
    pub frames: Vec<VideoFrame>,
}

/// A frame of a video.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoFrame {
    pub picture: PathBuf,
    /// Frames since the first one.
    since_first: u64,
    /// All persons are labelled, except in the ignored regions.
    pub is_labelled: bool,
    pub persons: Vec<VideoPerson>,
    pub ignored: Vec<Polygon>,
}

/// A person of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoPerson {
    pub id: u32,
    /// In the order of the model; `None` for one that is not labelled, also because it is in an ignored region.
    pub joints: Vec<Option<(f64, f64)>>,
    /// Left, top, width, height.
    pub bbox: Option<[f64; 4]>,
}

/// Whether a list of joints is PoseTrack's.
pub fn is_posetracks(joints: &[String]) -> bool {
    joint_places(&POSETRACK_JOINTS, joints)
        .iter()
        .all(Option::is_some)
}

/// The files of labels at a path: the file itself, or those of a folder.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data) if a folder cannot be listed, or has none or too many.
pub fn label_files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let fail = |error| Error::data(path, "cannot be listed").because(error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(fail)? {
        let file = entry.map_err(fail)?.path();
        if file.extension().is_some_and(|end| end == "json") {
            files.push(file);
        }
        if files.len() > MAX_LABEL_FILES {
            let what = format!("has more than {MAX_LABEL_FILES} JSON files");
            return Err(Error::data(path, what));
        }
    }
    if files.is_empty() {
        return Err(Error::data(
            path,
            "is a folder without JSON files of labels",
        ));
    }
    files.sort();
    Ok(files)
}

/// Reads the videos of a file, or of all files of a folder, for a model of these joints.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data), naming the file and the picture that is wrong.
pub fn read_videos(path: &Path, images: &Path, joints: &[String]) -> Result<Vec<Video>> {
    let mut videos = Vec::new();
    for path in label_files(path)? {
        let text = file::read_text(&path, MAX_LABEL_BYTES)
            .map_err(|error| Error::data(&path, error.to_string()))?;
        let file: File = serde_json::from_str(&text).map_err(|error| {
            Error::data(&path, format!("has no labels of PoseTrack18: {error}"))
        })?;
        let read = file.videos(&path, images, joints);
        videos.extend(read.map_err(|what| Error::data(&path, what))?);
    }
    Ok(videos)
}

impl File {
    fn videos(
        self,
        path: &Path,
        images: &Path,
        joints: &[String],
    ) -> std::result::Result<Vec<Video>, String> {
        let own = self.categories.iter().map(|one| &one.keypoints);
        let own = own.into_iter().find(|names| is_posetracks(names)).ok_or(
            "has no category whose keypoints are PoseTrack18's: nose, head_bottom, head_top and so on",
        )?;
        // Ears have places in its lists, and are not labelled.
        let mut places = joint_places(joints, own);
        for (place, joint) in places.iter_mut().zip(joints) {
            place.take_if(|_| !POSETRACK_JOINTS.contains(&joint.as_str()));
        }
        let comparable = places.iter().flatten().count();
        if comparable == 0 {
            let what = format!(
                "labels joints of other names than the model's: {}",
                POSETRACK_JOINTS.join(", ")
            );
            return Err(what);
        }
        let mut videos: BTreeMap<String, Vec<VideoFrame>> = BTreeMap::new();
        let mut at = HashMap::with_capacity(self.images.len());
        for image in &self.images {
            let video = match &image.vid_id {
                Some(Name::Text(text)) => text.clone(),
                Some(Name::Number(number)) => number.to_string(),
                None => String::new(),
            };
            let frames = videos.entry(video.clone()).or_default();
            if at.insert(image.id, (video, frames.len())).is_some() {
                return Err(format!("has two images of the id {}", image.id));
            }
            frames.push(image.frame(images)?);
        }
        if videos.is_empty() {
            return Err("names no picture".into());
        }
        let (mut ids, mut tracks) = (HashSet::new(), HashSet::new());
        for annotation in &self.annotations {
            let id = annotation.image_id;
            let (video, place) = at.get(&id).ok_or_else(|| {
                format!("has an annotation of the image {id}, which it does not list")
            })?;
            if let Some(own) = annotation.id.filter(|&own| !ids.insert(own)) {
                return Err(format!("has two annotations of the id {own}"));
            }
            let frame = videos
                .get_mut(video)
                .and_then(|frames| frames.get_mut(*place));
            let Some(frame) = frame.filter(|frame| frame.is_labelled) else {
                continue;
            };
            let fail = |what: String| format!("{}: {what}", Shown::path(&frame.picture));
            let track = annotation.track_id;
            let track = track.ok_or_else(|| fail("an annotation has no track_id".into()))?;
            if !tracks.insert((id, track)) {
                return Err(fail(format!("has two persons of the track_id {track}")));
            }
            if frame.persons.len() == MAX_FRAME_PERSONS {
                return Err(fail(format!("has more than {MAX_FRAME_PERSONS} persons")));
            }
            let person = annotation.person(track, &places, own.len(), &frame.ignored);
            frame.persons.push(person.map_err(fail)?);
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let is_one = videos.len() == 1;
        let named = videos.into_iter().map(|(video, frames)| {
            let name = match is_one {
                true => name.to_string(),
                false => format!("{name} {video}"),
            };
            Ok(Video {
                name,
                file: path.to_path_buf(),
                comparable,
                frames: in_time(frames)?,
            })
        });
        named.collect()
    }
}

impl Image {
    fn frame(&self, images: &Path) -> std::result::Result<VideoFrame, String> {
        let lists = |regions: &Option<Regions>| -> Vec<Vec<f64>> {
            let lists = regions.iter().flat_map(Regions::lists);
            lists.map(<[f64]>::to_vec).collect()
        };
        let (columns, rows) = (lists(&self.ignore_regions_x), lists(&self.ignore_regions_y));
        let picture = images.join(&self.file_name);
        let fail = |what: String| Err(format!("{}: {what}", Shown::path(&picture)));
        let lengths = |lists: &[Vec<f64>]| lists.iter().map(Vec::len).collect::<Vec<_>>();
        if lengths(&columns) != lengths(&rows) {
            return fail("ignore_regions_x and ignore_regions_y have other lengths".into());
        }
        if columns.iter().map(Vec::len).sum::<usize>() > MAX_REGION_CORNERS {
            return fail(format!(
                "has ignored regions of more than {MAX_REGION_CORNERS} corners"
            ));
        }
        let corners = columns.iter().flatten().zip(rows.iter().flatten());
        if let Some((x, y)) = corners.into_iter().find(|&(&x, &y)| !is_place(x, y)) {
            return fail(format!("a corner of an ignored region is at {x}, {y}"));
        }
        let polygon = |(columns, rows): (&Vec<f64>, &Vec<f64>)| {
            let corners = columns.iter().zip(rows);
            Polygon(corners.map(|(&x, &y)| (x as f32, y as f32)).collect())
        };
        Ok(VideoFrame {
            ignored: columns.iter().zip(&rows).map(polygon).collect(),
            // Until all frames are known.
            since_first: self.frame_id.unwrap_or(self.id),
            is_labelled: self.is_labeled.is_none_or(Flag::is_set),
            persons: Vec::new(),
            picture,
        })
    }
}

impl Annotation {
    /// `places` has each joint of the model in the file's order of `joints` joints.
    fn person(
        &self,
        id: u32,
        places: &[Option<usize>],
        joints: usize,
        ignored: &[Polygon],
    ) -> std::result::Result<VideoPerson, String> {
        let bbox = match self.bbox.as_deref().unwrap_or_default() {
            [] => None,
            &[x, y, width, height] => {
                let is_box = is_place(x, y) && is_place(width, height);
                (is_box && width > 0.0 && height > 0.0).then_some([x, y, width, height])
            }
            other => return Err(format!("a bbox has {} numbers", other.len())),
        };
        let keypoints = self.keypoints.as_deref().unwrap_or_default();
        let (triples, rest) = keypoints.as_chunks::<3>();
        if !keypoints.is_empty() && (triples.len() != joints || !rest.is_empty()) {
            return Err(format!(
                "an annotation has {} numbers of keypoints, {joints} joints need {}",
                keypoints.len(),
                3 * joints
            ));
        }
        let joint = |place: &Option<usize>| match place.and_then(|place| triples.get(place)) {
            Some(&[x, y, v]) if v > 0.0 => match is_place(x, y) {
                true => {
                    let point = (x as f32, y as f32);
                    let is_ignored = ignored.iter().any(|region| region.holds(point));
                    Ok((!is_ignored).then_some((x, y)))
                }
                false => Err(format!("a joint is at {x}, {y}")),
            },
            _ => Ok(None),
        };
        let joints: std::result::Result<Vec<_>, String> = places.iter().map(joint).collect();
        Ok(VideoPerson {
            id,
            joints: joints?,
            bbox,
        })
    }
}

fn is_place(x: f64, y: f64) -> bool {
    x.abs() < FAR_PX && y.abs() < FAR_PX
}

/// The frames of a video by their numbers, which count frames of the camera.
fn in_time(mut frames: Vec<VideoFrame>) -> std::result::Result<Vec<VideoFrame>, String> {
    frames.sort_by_key(|frame| frame.since_first);
    let first = frames.first().map_or(0, |frame| frame.since_first);
    let mut before = None;
    for frame in &mut frames {
        let number = frame.since_first;
        let fail = |what: &str| Err(format!("{}: {what}", Shown::path(&frame.picture)));
        if before == Some(number) {
            return fail("has the frame_id of another image of its video");
        }
        before = Some(number);
        if number - first >= MAX_VIDEO_FRAMES {
            return fail("has a frame_id too far from that of the first image of its video");
        }
        frame.since_first = number - first;
    }
    Ok(frames)
}

impl Video {
    /// The video as a clip.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if it has too few frames or too many persons, if no frame is labelled, or if a
    /// picture is missing.
    pub fn clip(&self, fps: u32) -> Result<Clip> {
        let fail = |what: String| Err(Error::data(&self.file, format!("{}: {what}", self.name)));
        if self.frames.len() < 3 {
            return fail("has fewer than 3 frames".into());
        }
        if !self.frames.iter().any(|frame| frame.is_labelled) {
            return fail("has no labelled frame".into());
        }
        let persons = self.frames.iter().flat_map(|frame| &frame.persons);
        let ids: BTreeSet<u32> = persons.map(|person| person.id).collect();
        if ids.len() > MAX_VIDEO_PERSONS {
            return fail(format!("has more than {MAX_VIDEO_PERSONS} persons"));
        }
        if let Some(missing) = self.frames.iter().find(|frame| !frame.picture.is_file()) {
            return fail(format!(
                "there is no picture {}",
                Shown::path(&missing.picture)
            ));
        }
        Ok(Clip {
            name: self.name.clone(),
            size_px: (0, 0),
            is_mirrored: false,
            quarter_turns: 0,
            hands: 0,
            bodies: MAX_INSTANCES,
            costs: PICTURE_COSTS,
            is_dim: false,
            moments: self
                .frames
                .iter()
                .map(|frame| frame.moment(fps, self.comparable))
                .collect(),
        })
    }
}

impl VideoFrame {
    fn moment(&self, fps: u32, comparable: usize) -> Moment {
        let mut ignored = self.ignored.clone();
        let truths = self.persons.iter().map(|person| person.truth(comparable));
        let truths: Vec<Truth> = truths.collect();
        // Of a person with few labelled joints nobody can say whether what is sent there is right.
        let unsure = self.persons.iter().zip(&truths);
        let unsure = unsure.filter(|(_, truth)| truth.visible < IN_VIEW);
        ignored.extend(unsure.filter_map(|(person, _)| person.bbox).map(corners));
        Moment {
            captured_us: START_US + self.since_first * 1_000_000 / u64::from(fps.max(1)),
            picture: Picture::File(self.picture.clone()),
            truths,
            is_labelled: self.is_labelled,
            ignored,
            clutter: Vec::new(),
        }
    }
}

impl VideoPerson {
    fn truth(&self, comparable: usize) -> Truth {
        let labelled = self.joints.iter().flatten().count();
        Truth {
            id: self.id,
            task: Task::Body,
            side: None,
            visible: labelled as f32 / comparable.max(1) as f32,
            joints: self
                .joints
                .iter()
                .map(|joint| joint.map(|(x, y)| (x as f32, y as f32)))
                .collect(),
        }
    }
}

fn corners([x, y, width, height]: [f64; 4]) -> Polygon {
    let (left, top) = (x as f32, y as f32);
    let (right, bottom) = ((x + width) as f32, (y + height) as f32);
    Polygon(vec![
        (left, top),
        (right, top),
        (right, bottom),
        (left, bottom),
    ])
}
