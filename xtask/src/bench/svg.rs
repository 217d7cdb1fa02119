//! The results as a picture: the used part of each budget.

use super::table::{Row, Verdict};
use std::fmt::Write as _;

/// The left and right ends of the scale, as powers of ten of the budget.
const SCALE: (f64, f64) = (-3.0, 1.0);
const LABELS: f64 = 400.0;
const BARS: f64 = 480.0;
const LINE: f64 = 26.0;
const TOP: f64 = 56.0;
/// The space on the right for the last number.
const MARGIN: f64 = 70.0;

/// Draws a bar for each row that has a budget. The scale is logarithmic.
pub(super) fn draw(rows: &[Row]) -> String {
    let bars: Vec<_> = rows.iter().filter_map(|row| Some((row, used(row.verdict)?))).collect();
    let (width, height) = (LABELS + BARS + MARGIN, TOP + LINE * bars.len() as f64 + 20.0);
    let mut svg = String::new();
    let mut push = |element: String| writeln!(svg, "{element}").expect("a String takes any text");
    push(format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">"#
    ));
    push(r#"<rect width="100%" height="100%" fill="white"/>"#.to_owned());
    push(
        r#"<text x="10" y="22" font-size="15">Used part of the budget (log scale)</text>"#
            .to_owned(),
    );
    for power in SCALE.0 as i32..=SCALE.1 as i32 {
        push(grid_line(power, height));
    }
    for (idx, (row, used)) in bars.into_iter().enumerate() {
        push(bar(TOP + LINE * idx as f64, &row.work, used, row.verdict.holds()));
    }
    push("</svg>".to_owned());
    svg
}

fn used(verdict: Verdict) -> Option<f64> {
    match verdict {
        Verdict::Used(part) => Some(part),
        Verdict::Free | Verdict::Unknown => None,
    }
}

fn grid_line(power: i32, height: f64) -> String {
    let (x, bottom) = (place(10f64.powi(power)), height - 12.0);
    let colour = if power == 0 { "#c00" } else { "#ccc" };
    let label = if power == 0 { "budget".to_owned() } else { format!("{}", 10f64.powi(power)) };
    format!(
        r#"<line x1="{x:.1}" y1="48" x2="{x:.1}" y2="{bottom:.1}" stroke="{colour}"/><text x="{x:.1}" y="42" text-anchor="middle" fill="{colour}">{label}</text>"#
    )
    .replace(r##"fill="#ccc""##, r##"fill="#666""##)
}

fn bar(y: f64, label: &str, used: f64, holds: bool) -> String {
    let (start, end, middle) = (LABELS, place(used), y + LINE / 2.0 + 4.0);
    let (colour, length) = (if holds { "#2a7" } else { "#c00" }, end - LABELS);
    let (bar_height, label) = (LINE - 8.0, escape(label));
    let digits = if used < 0.01 { 4 } else { 2 };
    format!(
        r#"<text x="{:.1}" y="{middle:.1}" text-anchor="end">{label}</text><rect x="{start:.1}" y="{:.1}" width="{length:.1}" height="{bar_height:.1}" fill="{colour}"/><text x="{:.1}" y="{middle:.1}">{used:.digits$}</text>"#,
        start - 8.0,
        y + 4.0,
        end + 6.0,
    )
}

/// Returns the position of a part of the budget on the scale, which has two ends.
fn place(used: f64) -> f64 {
    let (low, high) = SCALE;
    let power = used.max(f64::MIN_POSITIVE).log10().clamp(low, high);
    LABELS + BARS * (power - low) / (high - low)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_logarithmic_and_has_ends() {
        assert_eq!(place(0.0), LABELS);
        assert_eq!(place(1e9), LABELS + BARS);
        assert_eq!(place(1.0), LABELS + BARS * 0.75);
    }

    #[test]
    fn only_rows_with_a_budget_are_drawn() {
        let rows = [
            Row::under("a < b", 1.0, 2.0),
            Row::under("too much", 3.0, 2.0),
            Row::ratio("no budget", 1.0, "x", 2.0),
        ];
        let svg = draw(&rows);
        assert!(svg.contains("a &lt; b") && svg.contains("too much"));
        assert!(!svg.contains("no budget"));
        assert_eq!(svg.matches("fill=\"#2a7\"").count(), 1);
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }
}
