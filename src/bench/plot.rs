//! Line plots as SVG, in plain shapes and text that every viewer draws.

use crate::text::Shown;
use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 44.0;
const TICKS: u32 = 5;
/// Colours that people with any colour vision tell apart (Okabe and Ito, 2008).
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000",
];

/// A plot. Both axes begin at 0.
#[derive(Debug, Clone, Default)]
pub(super) struct Plot {
    pub title: String,
    pub x_label: String,
    pub y_label: String,
    pub lines: Vec<Line>,
    /// The highest y that is shown. Higher points are drawn at the edge.
    pub y_most: Option<f64>,
}

/// A line with its name.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

impl Plot {
    pub fn to_svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x_end = nice_end(points().map(|point| point.0).fold(0.0, f64::max));
        let highest = points().map(|point| point.1).fold(0.0, f64::max);
        let y_end = nice_end(self.y_most.map_or(highest, |most| highest.min(most)));
        let x_at = |x: f64| LEFT + x / x_end * (WIDTH - LEFT - RIGHT);
        let y_at = |y: f64| HEIGHT - BOTTOM - y.min(y_end) / y_end * (HEIGHT - TOP - BOTTOM);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n"
        );
        let mut draw = |shape: std::fmt::Arguments<'_>| {
            // Writing to a String does not fail.
            let _ = svg.write_fmt(shape);
        };
        let title = escaped(&self.title);
        draw(format_args!(
            "<text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{title}</text>\n"
        ));
        for tick in 0..=TICKS {
            let share = f64::from(tick) / f64::from(TICKS);
            let (x, y) = (x_at(share * x_end), y_at(share * y_end));
            let (right, below) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
            let line = "stroke=\"#dddddd\"";
            draw(format_args!(
                "<path d=\"M{LEFT} {y:.1}H{right}\" {line}/>\n"
            ));
            let (label, left) = (number(share * y_end), LEFT - 6.0);
            draw(format_args!(
                "<text x=\"{left}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>\n",
                y + 4.0
            ));
            let label = number(share * x_end);
            draw(format_args!(
                "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>\n",
                below + 16.0
            ));
        }
        let middle = LEFT + (WIDTH - LEFT - RIGHT) / 2.0;
        let (x_label, y_label) = (escaped(&self.x_label), escaped(&self.y_label));
        draw(format_args!(
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{x_label}</text>\n\
             <text transform=\"translate(14 {}) rotate(-90)\" text-anchor=\"middle\">{y_label}</text>\n",
            HEIGHT - 8.0,
            (HEIGHT + TOP - BOTTOM) / 2.0
        ));
        for (index, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let points: String = line
                .points
                .iter()
                .map(|&(x, y)| format!("{:.1},{:.1} ", x_at(x), y_at(y)))
                .collect();
            draw(format_args!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n",
                points.trim_end()
            ));
            let (x, y) = (WIDTH - RIGHT + 12.0, TOP + 18.0 * index as f64);
            let name = escaped(&line.name);
            draw(format_args!(
                "<path d=\"M{x} {y}h14\" stroke=\"{colour}\" stroke-width=\"2\"/>\n\
                 <text x=\"{}\" y=\"{}\">{name}</text>\n",
                x + 20.0,
                y + 4.0
            ));
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// The smallest of 1, 2, 2.5, 5 and 10 times a power of ten that is not below `highest`.
fn nice_end(highest: f64) -> f64 {
    if !highest.is_finite() || highest <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(highest.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let step = steps.into_iter().find(|step| step * power >= highest);
    step.unwrap_or(10.0) * power
}

/// A label of a tick, without needless digits.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn escaped(text: &str) -> String {
    Shown(text)
        .to_string()
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        for (highest, end) in [
            (0.0, 1.0),
            (0.9, 1.0),
            (1.1, 2.0),
            (2.2, 2.5),
            (26.0, 50.0),
            (100.0, 100.0),
        ] {
            assert!((nice_end(highest) - end).abs() < 1e-9, "{highest}");
        }
        assert_eq!(
            (number(0.5), number(20.0), number(0.0)),
            ("0.5".into(), "20".into(), "0".into())
        );
    }

    #[test]
    fn points_are_inside_the_axes_and_text_is_escaped() {
        let plot = Plot {
            title: "a < b & c".into(),
            lines: vec![Line {
                name: "x".into(),
                points: vec![(0.0, 0.0), (10.0, 3.0), (20.0, 400.0)],
            }],
            y_most: Some(5.0),
            ..Plot::default()
        };
        let svg = plot.to_svg();
        assert!(svg.contains("a &lt; b &amp; c"));
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let (first, last) = (
            format!("\"{LEFT:.1},{bottom:.1} "),
            format!("{right:.1},{TOP:.1}\""),
        );
        assert!(svg.contains(&first) && svg.contains(&last), "{svg}");
    }
}
