//! The demo models inside the binary: a hand's, a body's and a finder. models/demo/ trains them.

use crate::error::{Error, Result};
use std::path::Path;

static HAND: &[u8] = include_bytes!("../../models/hand-demo.int8.onnx");
static BODY: &[u8] = include_bytes!("../../models/body-demo.int8.onnx");
static FINDER: &[u8] = include_bytes!("../../models/finder-demo.int8.onnx");

/// The shipped model that `path` names; `None` if `path` is a file.
pub(super) fn find(path: &Path) -> Result<Option<&'static [u8]>> {
    let Some(name) = path.to_str().and_then(|path| path.strip_prefix("builtin:")) else {
        return Ok(None);
    };
    [("hand", HAND), ("body", BODY), ("finder", FINDER)]
        .into_iter()
        .find(|(task, _)| *task == name)
        .map(|(_, model)| Some(model))
        .ok_or_else(|| Error::model(path, "there is no such shipped model: hand, body or finder"))
}
