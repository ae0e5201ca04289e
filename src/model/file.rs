//! Reading a model file: its size, its protobuf, and the card inside or beside it.

use super::ModelHash;
use super::any::Card;
use super::card::{CardError, ModelCard};
use super::container;
use super::finder::FinderCard;
#[cfg(feature = "onnx")]
use super::onnx::{self, Fault};
use super::plan::PlanFile;
use crate::error::{Error, Result};
use crate::file::{self, ReadError};
#[cfg(feature = "onnx")]
use crate::limits::MAX_CARD_FILE_BYTES;
use crate::limits::MAX_MODEL_BYTES;
use crate::text::Shown;
use std::io::Read;
use std::path::{Path, PathBuf};
#[cfg(feature = "onnx")]
use tract_onnx::pb::{ModelProto, StringStringEntryProto, tensor_proto::DataLocation};

/// The ONNX metadata key of the card.
const CARD_KEY: &str = "posewire.card";

/// A model file with a valid container. Its network is not built yet.
#[derive(Debug)]
pub struct ModelFile {
    path: PathBuf,
    bytes: u64,
    contents: Contents,
    card: Option<Card>,
    /// The size of the pictures that it will read, for a graph that leaves it open.
    assumed_input: Option<[usize; 4]>,
}

/// Kind of a model file.
#[derive(Debug)]
pub enum Contents {
    /// An ONNX model with a graph, and without weights in other files.
    #[cfg(feature = "onnx")]
    Onnx(Box<ModelProto>),
    Plan(PlanFile),
}

impl ModelFile {
    /// Reads an ONNX file or a compiled plan, or finds a shipped model by the name `builtin:hand`,
    /// `builtin:body` or `builtin:finder`.
    ///
    /// # Errors
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) if the file is missing, too large, neither kind of file, refers to other
    /// files, or has a card with a bad field.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_checked(path, |_| Ok(()))
    }

    /// Like [`open`](ModelFile::open), and gives the hash of the file.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn open_hashed(path: &Path) -> Result<(Self, ModelHash)> {
        let mut hash = ModelHash::of(&[]);
        let model = Self::open_checked(path, |file| {
            hash = ModelHash::of(file);
            Ok(())
        })?;
        Ok((model, hash))
    }

    /// Like [`open`](ModelFile::open), except that `check` sees all bytes first, in the same memory that is then
    /// used. Refused bytes are not parsed.
    ///
    /// # Errors
    /// Also those of `check`.
    pub fn open_checked(path: &Path, check: impl FnOnce(&[u8]) -> Result<()>) -> Result<Self> {
        #[cfg(feature = "demo")]
        if let Some(model) = super::shipped::find(path)? {
            check(model)?;
            return Self::from_onnx(path, model);
        }
        let unread = |error: ReadError| Error::model(path, error.to_string());
        let (file, metadata) = file::open_plain(path).map_err(unread)?;
        if metadata.len() > MAX_MODEL_BYTES {
            return Err(unread(ReadError::TooLarge(MAX_MODEL_BYTES)));
        }
        let mut raw = Vec::new();
        let magic = container::MAGIC.len() as u64;
        (&file)
            .take(magic)
            .read_to_end(&mut raw)
            .map_err(|error| unread(ReadError::Read(error)))?;
        if raw == container::MAGIC {
            let plan = PlanFile::read(path, &file, metadata.len(), check)?;
            return Self::from_plan(path, plan);
        }
        file::read_rest(&file, &metadata, MAX_MODEL_BYTES, &mut raw).map_err(unread)?;
        check(&raw)?;
        Self::from_onnx(path, &raw)
    }

    fn from_plan(path: &Path, plan: PlanFile) -> Result<Self> {
        let card = match String::from_utf8(plan.card()).as_deref() {
            Ok("") => None,
            Ok(text) => Some(Card::from_json(text).map_err(|error| bad_card(path, error))?),
            Err(_) => return Err(Error::model_node(path, "card", "is not text")),
        };
        Ok(ModelFile {
            path: path.into(),
            bytes: plan.bytes(),
            contents: Contents::Plan(plan),
            assumed_input: None,
            card,
        })
    }

    #[cfg(not(feature = "onnx"))]
    fn from_onnx(path: &Path, _: &[u8]) -> Result<Self> {
        let what = "is not a compiled plan, and this build runs nothing else: compile it with a full build";
        Err(Error::model(path, what))
    }

    /// An ONNX file's bytes. `path` is for messages and for the TOML file beside it.
    ///
    /// # Errors
    /// As [`open`](ModelFile::open).
    #[cfg(feature = "onnx")]
    pub(crate) fn from_onnx(path: &Path, raw: &[u8]) -> Result<Self> {
        let proto = onnx::read(raw).map_err(|fault| match fault {
            Fault::Garbled => {
                let what = "is not an ONNX file, or is cut off: copy or export it again";
                Error::model(path, what)
            }
            Fault::Refused { part, what } => Error::model_node(path, part, what),
        })?;
        let graph = proto.graph.as_ref().expect("reading checked it");
        if let Some(tensor) = graph
            .initializer
            .iter()
            .find(|tensor| tensor.data_location == Some(DataLocation::External as i32))
        {
            return Err(Error::model_node(
                path,
                &tensor.name,
                "its weights are in another file: save the model as one, with `torch.onnx.export(..., \
                 external_data=False)` or with `onnx.save(onnx.load(FILE), OTHER)` in Python",
            ));
        }
        let card = read_card(path, &proto)?;
        Ok(ModelFile {
            path: path.into(),
            bytes: raw.len() as u64,
            contents: Contents::Onnx(Box::new(proto)),
            assumed_input: card.as_ref().map(Card::input_shape),
            card,
        })
    }

    /// Gives a graph whose input has an open height or width these sides: N, C, H, W.
    pub fn assume_input(&mut self, shape: [usize; 4]) {
        self.assumed_input = Some(shape);
    }

    /// The input's sides where the graph leaves them open: those of the card, or those that were given.
    #[cfg(feature = "onnx")]
    pub(crate) fn assumed_input(&self) -> Option<[usize; 4]> {
        self.assumed_input
    }

    /// Path of the card beside a model that contains none.
    pub fn card_beside(model: &Path) -> PathBuf {
        model.with_extension("toml")
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The size of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of the file that stay in memory, outside the heap.
    pub fn mapped_bytes(&self) -> u64 {
        match self.contents {
            #[cfg(feature = "onnx")]
            Contents::Onnx(_) => 0,
            Contents::Plan(_) => self.bytes,
        }
    }

    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The ONNX model, if it is one.
    #[cfg(feature = "onnx")]
    pub fn onnx(&self) -> Option<&ModelProto> {
        match &self.contents {
            Contents::Onnx(proto) => Some(proto),
            Contents::Plan(_) => None,
        }
    }

    /// The card of a network of joints, in the file or in the TOML file beside it, if any.
    pub fn card(&self) -> Option<&ModelCard> {
        match &self.card {
            Some(Card::Pose(card)) => Some(card),
            Some(Card::Finder(_)) | None => None,
        }
    }

    /// The card of a finder, if it is one.
    pub fn finder(&self) -> Option<&FinderCard> {
        match &self.card {
            Some(Card::Finder(card)) => Some(card),
            Some(Card::Pose(_)) | None => None,
        }
    }

    /// The card of a network of joints, or an error that says how to add one.
    pub fn require_card(&self) -> Result<&ModelCard> {
        let what = match &self.card {
            Some(Card::Pose(card)) => return Ok(card),
            Some(Card::Finder(_)) => {
                "is a finder, which sees places and no joints: give it to `posewire run` as a further --model".into()
            }
            None => format!(
                "has no model card (ONNX metadata {CARD_KEY}): export it with models/export.py, or put the card \
                 beside it as {}",
                Shown::path(&Self::card_beside(&self.path))
            ),
        };
        Err(Error::model(&self.path, what))
    }

    /// The card of any kind as JSON; empty without one.
    ///
    /// # Errors
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) if it has no JSON form.
    #[cfg(feature = "onnx")]
    pub(crate) fn card_json(&self) -> Result<String> {
        let json = self.card.as_ref().map(serde_json::to_string);
        json.unwrap_or(Ok(String::new()))
            .map_err(|error| Error::model(&self.path, error.to_string()))
    }
}

fn bad_card(path: &Path, error: CardError) -> Error {
    Error::model_node(path, format!("card field {}", error.field), error.what)
}

/// The model with this card in its metadata.
///
/// # Errors
/// [`ErrorKind::Engine`](crate::ErrorKind::Engine) if the card has no JSON form.
#[cfg(feature = "onnx")]
pub(crate) fn with_card(mut proto: ModelProto, card: &ModelCard) -> Result<ModelProto> {
    let value = serde_json::to_string(card)
        .map_err(|error| Error::engine("the card cannot be written").because(error))?;
    proto.metadata_props.retain(|entry| entry.key != CARD_KEY);
    proto.metadata_props.push(StringStringEntryProto {
        key: CARD_KEY.into(),
        value,
    });
    Ok(proto)
}

#[cfg(feature = "onnx")]
fn read_card(path: &Path, proto: &ModelProto) -> Result<Option<Card>> {
    if let Some(entry) = proto
        .metadata_props
        .iter()
        .find(|entry| entry.key == CARD_KEY)
    {
        return Card::from_json(&entry.value)
            .map(Some)
            .map_err(|error| bad_card(path, error));
    }
    let beside = ModelFile::card_beside(path);
    match file::read_text(&beside, MAX_CARD_FILE_BYTES) {
        Ok(text) => Card::from_toml(&text)
            .map(Some)
            .map_err(|error| bad_card(&beside, error)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(Error::model(&beside, error.to_string())),
    }
}
