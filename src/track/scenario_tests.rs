//! Scenes of drawn hands and bodies, with noise from a fixed seed: a fake network looks at them.

mod budget;
mod drawn;
mod following;
mod properties;
mod sides;
