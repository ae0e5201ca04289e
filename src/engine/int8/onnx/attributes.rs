//! The attributes of an ONNX node, checked against the limits of the integer operations.

use crate::limits::{MAX_CHANNELS, MAX_ONNX_WINDOW_PX};
use tract_onnx::pb::{AttributeProto, NodeProto};

pub(super) struct Attributes<'a> {
    node: &'a NodeProto,
}

/// The geometry of a convolution or pooling window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub stride: usize,
    /// Above and to the left.
    pub pad: [usize; 2],
}

impl<'a> Attributes<'a> {
    pub(super) fn of(node: &'a NodeProto) -> Self {
        Attributes { node }
    }

    fn find(&self, name: &str) -> Option<&'a AttributeProto> {
        self.node
            .attribute
            .iter()
            .find(|attribute| attribute.name == name)
    }

    /// Whether an optional input is there.
    pub(super) fn has_input(&self, input: usize) -> bool {
        self.node
            .input
            .get(input)
            .is_some_and(|name| !name.is_empty())
    }

    pub(super) fn int(&self, name: &str) -> Option<i64> {
        self.find(name).map(|attribute| attribute.i)
    }

    pub(super) fn float(&self, name: &str) -> Option<f32> {
        self.find(name).map(|attribute| attribute.f)
    }

    pub(super) fn text(&self, name: &str) -> &'a str {
        self.find(name)
            .and_then(|attribute| std::str::from_utf8(&attribute.s).ok())
            .unwrap_or("")
    }

    pub(super) fn ints(&self, name: &str) -> &'a [i64] {
        self.find(name).map_or(&[], |attribute| &attribute.ints)
    }

    pub(super) fn kernel_shape(&self) -> Result<[usize; 2], String> {
        match self.ints("kernel_shape") {
            &[
                height @ 1..=MAX_ONNX_WINDOW_PX,
                width @ 1..=MAX_ONNX_WINDOW_PX,
            ] => Ok([height as usize, width as usize]),
            other => Err(format!("has the kernel shape {other:?}")),
        }
    }

    /// The window of an average, up to the whole picture.
    pub(super) fn average_kernel(&self, picture: [usize; 2]) -> Result<[usize; 2], String> {
        let refuse = |other: &[i64]| Err(format!("has the kernel shape {other:?}"));
        let &[height, width] = self.ints("kernel_shape") else {
            return refuse(self.ints("kernel_shape"));
        };
        let side = |side: i64, picture: usize| {
            let most = picture.max(MAX_ONNX_WINDOW_PX as usize);
            usize::try_from(side)
                .ok()
                .filter(|side| (1..=most).contains(side))
        };
        match (side(height, picture[0]), side(width, picture[1])) {
            (Some(height), Some(width)) => Ok([height, width]),
            _ => refuse(self.ints("kernel_shape")),
        }
    }

    /// Rows and columns of an input with its pads.
    pub(super) fn padded(&self, input: [usize; 2]) -> Result<[usize; 2], String> {
        let pads = |axis: usize| -> Option<usize> {
            let ends = [self.ints("pads").get(axis), self.ints("pads").get(axis + 2)];
            let ends = ends.map(|end| usize::try_from(end.copied().unwrap_or(0)).ok());
            Some(ends[0]? + ends[1]?)
        };
        match (pads(0), pads(1)) {
            (Some(rows), Some(columns)) => Ok([input[0] + rows, input[1] + columns]),
            _ => Err(format!("has the pads {:?}", self.ints("pads"))),
        }
    }

    fn stride(&self) -> Result<usize, String> {
        match self.ints("strides") {
            [] => Ok(1),
            &[vertical @ 1..=MAX_ONNX_WINDOW_PX, horizontal] if vertical == horizontal => {
                Ok(vertical as usize)
            }
            other => Err(format!("has the strides {other:?}")),
        }
    }

    /// Of a convolution or pooling of an input of this size (height, width).
    pub(super) fn window(&self, input_size: [usize; 2]) -> Result<Window, String> {
        self.plain()?;
        let stride = self.stride()?;
        let pad = match self.text("auto_pad") {
            "" | "NOTSET" => self.pads()?,
            "VALID" => [0, 0],
            same @ ("SAME_UPPER" | "SAME_LOWER") => {
                let kernel = self.kernel_shape()?;
                [0, 1].map(|axis| {
                    let outputs = input_size[axis].div_ceil(stride);
                    let total =
                        ((outputs - 1) * stride + kernel[axis]).saturating_sub(input_size[axis]);
                    if same == "SAME_UPPER" {
                        total / 2
                    } else {
                        total.div_ceil(2)
                    }
                })
            }
            other => return Err(format!("has the automatic padding {other}")),
        };
        Ok(Window { stride, pad })
    }

    /// Of a transposed convolution.
    pub(super) fn transposed_window(&self) -> Result<Window, String> {
        self.plain()?;
        if self.groups()? != 1 {
            return Err("is a transposed convolution in groups".into());
        }
        if !matches!(self.text("auto_pad"), "" | "NOTSET") {
            return Err("has automatic padding".into());
        }
        if !self.ints("output_shape").is_empty() {
            return Err("has an explicit output shape".into());
        }
        Ok(Window {
            stride: self.stride()?,
            pad: self.pads()?,
        })
    }

    fn pads(&self) -> Result<[usize; 2], String> {
        match self.ints("pads") {
            [] => Ok([0, 0]),
            &[
                top @ 0..=MAX_ONNX_WINDOW_PX,
                left @ 0..=MAX_ONNX_WINDOW_PX,
                0..=MAX_ONNX_WINDOW_PX,
                0..=MAX_ONNX_WINDOW_PX,
            ] => Ok([top as usize, left as usize]),
            other => Err(format!("has the pads {other:?}")),
        }
    }

    /// No dilation.
    fn plain(&self) -> Result<(), String> {
        match self.ints("dilations").iter().any(|&dilation| dilation != 1) {
            true => Err("is dilated".into()),
            false => Ok(()),
        }
    }

    /// Groups of channels of a convolution.
    pub(super) fn groups(&self) -> Result<usize, String> {
        let groups = self.int("group").unwrap_or(1);
        usize::try_from(groups)
            .ok()
            .filter(|groups| (1..=MAX_CHANNELS).contains(groups))
            .ok_or_else(|| format!("has {groups} groups"))
    }

    /// Nearest neighbour, where an output's source is its coordinate halved and rounded down.
    pub(super) fn check_nearest(&self) -> Result<(), String> {
        let nearest = matches!(self.text("mode"), "" | "nearest");
        // Doubled with half-pixel centres, output 2k lies at k - 0.25 and 2k + 1 at k + 0.25: both
        // round to k, as does the asymmetric floor.
        let halves = matches!(
            (
                self.text("coordinate_transformation_mode"),
                self.text("nearest_mode")
            ),
            ("asymmetric", "floor")
                | (
                    "" | "half_pixel",
                    "" | "round_prefer_floor" | "round_prefer_ceil"
                )
        );
        if nearest && halves {
            Ok(())
        } else {
            Err("is not nearest upsampling".into())
        }
    }
}
