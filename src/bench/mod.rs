//! Measuring: one model on a picture of its own, the record of a run, and two records compared.
//!
//! In: a loaded model and [`Plan`]. Out: a [`Record`], which is kept as JSON and shown as Markdown with plots. Times are
//! in milliseconds. A record names all that changes a time: machine, kernel family, model, threads, and whether
//! something disturbed the run.

mod camera;
mod compare;
mod markdown;
mod measure;
mod plot;
mod record;
mod table;

pub use compare::compare;
pub use markdown::{block_plot, load_plot, report};
pub use measure::{Plan, Subject, layers, measure};
pub use record::{LayerRecord, Record};
pub use table::{comparison, layer_table, summary};
