//! Reading a model file: size, protobuf, and the card inside it or beside it.

use super::card::ModelCard;
use crate::error::{Error, Result};
use std::io::Read;
use std::path::{Path, PathBuf};
use tract_onnx::pb::{GraphProto, ModelProto, tensor_proto::DataLocation};
use tract_onnx::prelude::Framework;

/// The largest model file that is read. Hourglass-52 in float is 380 MB.
pub const MAX_MODEL_BYTES: u64 = 512 << 20;

/// The ONNX metadata key of the card.
const CARD_KEY: &str = "posewire.card";

/// A model that was read and whose container is sound; its graph has not been built yet.
#[derive(Debug)]
pub struct ModelFile {
    path: PathBuf,
    bytes: u64,
    proto: ModelProto,
    card: Option<ModelCard>,
}

impl ModelFile {
    /// Reads an ONNX file, or a shipped model by the name `builtin:hand` or `builtin:body`.
    ///
    /// # Errors
    /// [`Error::Model`] if the file is missing, too large, not ONNX, refers to other files, or has
    /// a card with a bad field.
    pub fn open(path: &Path) -> Result<Self> {
        #[cfg(feature = "demo")]
        if let Some(model) = super::shipped::find(path)? {
            return Self::from_reader(path, &mut &model[..]);
        }
        let file = std::fs::File::open(path)
            .map_err(|error| Error::model(path, format!("cannot be opened: {error}")))?;
        let metadata = file
            .metadata()
            .map_err(|error| Error::model(path, format!("cannot be read: {error}")))?;
        if metadata.is_dir() {
            return Err(Error::model(path, "is a folder: give the ONNX file itself"));
        }
        Self::from_reader(path, &mut file.take(MAX_MODEL_BYTES + 1))
    }

    /// `path` is for messages and for the TOML file beside it.
    fn from_reader(path: &Path, reader: &mut dyn Read) -> Result<Self> {
        let mut raw = Vec::new();
        reader
            .read_to_end(&mut raw)
            .map_err(|error| Error::model(path, format!("cannot be read: {error}")))?;
        let bytes = raw.len() as u64;
        if bytes > MAX_MODEL_BYTES {
            return Err(Error::model(
                path,
                format!("is larger than {} MiB", MAX_MODEL_BYTES >> 20),
            ));
        }
        let broken = "is not an ONNX file, or is cut off: copy or export it again";
        let proto = tract_onnx::onnx()
            .proto_model_for_read(&mut &raw[..])
            .map_err(|_| Error::model(path, broken))?;
        // An empty or foreign file can decode to a message without a graph.
        let Some(graph) = &proto.graph else {
            return Err(Error::model(path, broken));
        };
        if let Some(tensor) = graph
            .initializer
            .iter()
            .find(|tensor| tensor.data_location == Some(DataLocation::External as i32))
        {
            return Err(Error::model_node(
                path,
                &tensor.name,
                "its weights are in another file: save the model as one file",
            ));
        }
        let card = read_card(path, &proto)?;
        Ok(ModelFile {
            path: path.into(),
            bytes,
            proto,
            card,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The size of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn proto(&self) -> &ModelProto {
        &self.proto
    }

    pub fn graph(&self) -> &GraphProto {
        self.proto.graph.as_ref().expect("reading checked it")
    }

    /// The card, if the file or a TOML file beside it has one.
    pub fn card(&self) -> Option<&ModelCard> {
        self.card.as_ref()
    }

    /// The card, which every command but the bare network needs.
    pub fn require_card(&self) -> Result<&ModelCard> {
        self.card.as_ref().ok_or_else(|| {
            Error::model(
                &self.path,
                format!(
                    "has no model card (ONNX metadata {CARD_KEY}): export it with models/export.py, \
                     or put the card beside it as {}",
                    card_path(&self.path).display()
                ),
            )
        })
    }
}

fn card_path(model: &Path) -> PathBuf {
    model.with_extension("toml")
}

fn read_card(path: &Path, proto: &ModelProto) -> Result<Option<ModelCard>> {
    if let Some(entry) = proto
        .metadata_props
        .iter()
        .find(|entry| entry.key == CARD_KEY)
    {
        return ModelCard::from_json(&entry.value)
            .map(Some)
            .map_err(|error| {
                Error::model_node(path, format!("card field {}", error.field), error.what)
            });
    }
    let beside = card_path(path);
    match std::fs::read_to_string(&beside) {
        Ok(text) => ModelCard::from_toml(&text).map(Some).map_err(|error| {
            Error::model_node(&beside, format!("card field {}", error.field), error.what)
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::model(&beside, format!("cannot be read: {error}"))),
    }
}
