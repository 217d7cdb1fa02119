//! Terminals as SVG: still pictures and recordings.
//!
//! A recording is an SVG that uses only styles, because pages show pictures without running scripts
//! in them. Where animations are disabled, the end of the recording is shown.

use anstyle_svg::Term;
use std::fmt::Write as _;

/// The width of the terminal, in characters.
pub(super) const COLUMNS: usize = 100;
/// The height of the terminal of a recording, in lines.
const ROWS: usize = 24;
/// The height of a line and the space around all lines, in pixels, as `anstyle_svg` has them.
const LINE: usize = 18;
const PADDING: usize = 10;

/// How long a command line is shown before its output, in seconds.
const TYPED: f64 = 1.2;
/// How long each line of the output takes.
const PRINTED: f64 = 0.06;
/// How long the end of an output is shown.
const READ: f64 = 1.8;

/// A command line and its output.
pub(super) struct Moment {
    pub(super) line: String,
    pub(super) output: String,
}

impl Moment {
    /// Returns the part of the output that `head` prints.
    pub(super) fn first(mut self, n_lines: usize) -> Self {
        let lines: Vec<_> = self.output.lines().take(n_lines).collect();
        self.output = lines.join("\n");
        self.line.push_str(&format!(" | head -n {n_lines}"));
        self
    }

    fn text(&self) -> String {
        let Self { line, output } = self;
        format!("\u{1b}[32m$\u{1b}[0m \u{1b}[1m{line}\u{1b}[0m\n{}\n", output.trim_end())
    }
}

/// Draws some moments, one below the other.
pub(super) fn still(moments: &[Moment]) -> String {
    draw(&moments.iter().map(Moment::text).collect::<String>())
}

fn draw(text: &str) -> String {
    // A character is 8.4 pixels wide there.
    Term::new().min_width_px(COLUMNS * 84 / 10).render_svg(text.trim_end())
}

/// Draws the moments one after another, in a terminal that scrolls.
pub(super) fn recording(moments: &[Moment]) -> String {
    let starts = starts(moments);
    let all = starts.last().copied().unwrap_or_default() + READ;
    let svg = still(moments);
    let mut n_shown = 0;
    let mut film = String::new();
    for line in svg.lines() {
        let is_text = line.trim_start().starts_with("<tspan x=");
        match line {
            _ if line.starts_with("<svg ") => film.push_str(&opening(line)),
            _ if line.trim() == "</style>" => {
                film.push_str(&styles(&starts, all));
                film.push_str(line);
            }
            _ if line.trim_start().starts_with("<text ") => {
                let _ = write!(film, "  <g class=\"scroll\">\n{line}");
            }
            _ if line.trim() == "</text>" => {
                let _ = write!(film, "{line}\n  </g>");
            }
            _ if is_text => {
                let start = starts.get(n_shown).copied().unwrap_or(all);
                let class =
                    format!("<tspan class=\"line\" style=\"animation-delay:{start:.2}s\" x=");
                film.push_str(&line.replacen("<tspan x=", &class, 1));
                n_shown += 1;
            }
            _ => film.push_str(line),
        }
        film.push('\n');
    }
    film
}

/// Returns when each line is shown, in seconds.
fn starts(moments: &[Moment]) -> Vec<f64> {
    let mut now = 0.3;
    let mut starts = Vec::new();
    for moment in moments {
        let n_lines = moment.text().lines().count();
        starts.push(now);
        now += TYPED;
        for _ in 1..n_lines {
            starts.push(now);
            now += PRINTED;
        }
        now += READ;
    }
    starts
}

/// Returns the first tag for a terminal of a fixed height.
fn opening(line: &str) -> String {
    // The next line must not be visible at the bottom.
    let height = ROWS * LINE + PADDING + 4;
    let (before, rest) = line.split_once("height=\"").unwrap_or((line, ""));
    let (_, behind) = rest.split_once('"').unwrap_or(("", rest));
    format!("{before}height=\"{height}px\"{behind}")
}

/// Returns the styles that show each line at its time, and scroll when the terminal is full.
fn styles(starts: &[f64], all: f64) -> String {
    let mut css = String::from(
        "    .line { visibility: hidden; animation: show 1ms linear forwards }\n    \
             @keyframes show { to { visibility: visible } }\n",
    );
    let offset = |n_lines: usize| n_lines.saturating_sub(ROWS) * LINE;
    let _ = writeln!(
        css,
        "    .scroll {{ transform: translateY(-{}px); animation: scroll {all:.2}s step-end }}",
        offset(starts.len())
    );
    css.push_str("    @keyframes scroll {\n      0% { transform: translateY(0) }\n");
    for (idx, start) in starts.iter().enumerate().filter(|it| offset(it.0 + 1) > 0) {
        let (at, up) = (start / all * 100.0, offset(idx + 1));
        let _ = writeln!(css, "      {at:.3}% {{ transform: translateY(-{up}px) }}");
    }
    css.push_str("    }\n    @media (prefers-reduced-motion: reduce) {\n");
    css.push_str("      .line { visibility: visible; animation: none }\n");
    css.push_str("      .scroll { animation: none }\n    }\n");
    css
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments() -> Vec<Moment> {
        let output: String = (0..30).map(|it| format!("line <{it}>\n")).collect();
        vec![
            Moment { line: "one".to_owned(), output },
            Moment { line: "two".to_owned(), output: "\u{1b}[31mred\u{1b}[0m\n".to_owned() },
        ]
    }

    #[test]
    fn each_line_of_a_recording_has_its_time() {
        let svg = recording(&moments());
        assert_eq!(svg.matches("class=\"line\"").count(), 1 + 30 + 1 + 1);
        assert!(svg.contains("height=\"446px\""), "{svg}");
        assert!(svg.contains("line &lt;29&gt;"), "{svg}");
        // The last line is at the bottom of the terminal.
        assert!(
            svg.contains(&format!("translateY(-{}px); animation", (33 - ROWS) * LINE)),
            "{svg}"
        );
        assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
    }

    #[test]
    fn lines_come_in_their_order() {
        let starts = starts(&moments());
        assert!(starts.is_sorted());
        assert!((starts[1] - starts[0] - TYPED).abs() < 1e-9);
        assert!(starts[31] - starts[30] > READ);
    }
}
