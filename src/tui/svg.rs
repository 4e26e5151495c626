//! A drawn screen as text, as text with terminal colours, and as a picture.

use crate::config::theme::{Color as ThemeColor, Role, Theme};
use ratatui::{
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

/// Size of a cell in the picture, in pixels, for a font of [`FONT_SIZE`].
const CELL_WIDTH: f64 = 8.43;
const CELL_HEIGHT: f64 = 17.0;
const FONT_SIZE: f64 = 14.0;
const BASELINE: f64 = 13.0;

/// The characters alone, one line per row, without blanks at the ends of lines.
pub fn to_text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for row in rows(buffer) {
        let begin = out.len();
        for (_, cell) in row {
            out.push_str(cell.symbol());
        }
        out.truncate(begin + out[begin..].trim_end().len());
        out.push('\n');
    }
    out
}

/// The characters with their colours and attributes as terminal sequences.
pub fn to_ansi(buffer: &Buffer) -> String {
    let mut out = String::new();
    for row in rows(buffer) {
        let mut last: Option<(Color, Color, Modifier)> = None;
        for (_, cell) in row {
            let now = (cell.fg, cell.bg, cell.modifier);
            if last != Some(now) {
                out.push_str("\u{1b}[0");
                for (modifier, code) in [
                    (Modifier::BOLD, "1"),
                    (Modifier::DIM, "2"),
                    (Modifier::ITALIC, "3"),
                    (Modifier::UNDERLINED, "4"),
                    (Modifier::REVERSED, "7"),
                ] {
                    if cell.modifier.contains(modifier) {
                        out.push(';');
                        out.push_str(code);
                    }
                }
                sgr(&mut out, cell.fg, 30);
                sgr(&mut out, cell.bg, 40);
                out.push('m');
                last = Some(now);
            }
            out.push_str(cell.symbol());
        }
        out.push_str("\u{1b}[0m\n");
    }
    out
}

fn sgr(out: &mut String, color: Color, base: u8) {
    // Writing to a String cannot fail.
    let _ = match color {
        Color::Reset => Ok(()),
        Color::Rgb(red, green, blue) => write!(out, ";{};2;{red};{green};{blue}", base + 8),
        Color::Indexed(index) => write!(out, ";{};5;{index}", base + 8),
        named => match ansi_number(named) {
            number @ 0..=7 => write!(out, ";{}", base + number),
            number => write!(out, ";{}", base + 52 + number),
        },
    };
}

/// A picture of the screen.
pub fn to_svg(buffer: &Buffer, theme: &Theme) -> String {
    let ink = theme.look(Role::Text).foreground.map_or((208, 208, 208), rgb_of_theme);
    let ground = theme.look(Role::Background).background.map_or((16, 16, 16), rgb_of_theme);
    let area = buffer.area;
    let (width, height) = (f64::from(area.width) * CELL_WIDTH, f64::from(area.height) * CELL_HEIGHT);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.2} {height:.2}\" font-family=\"'DejaVu Sans Mono', 'JetBrains Mono', Menlo, monospace\" \
         font-size=\"{FONT_SIZE}\" xml:space=\"preserve\">\n<rect width=\"100%\" height=\"100%\" fill=\"{}\"/>\n",
        hex(ground)
    );
    for (y, row) in rows(buffer).enumerate() {
        let cells: Vec<(u16, &Cell)> = row.collect();
        let top = y as f64 * CELL_HEIGHT;
        for run in cells.chunk_by(|(_, one), (_, other)| looks(one) == looks(other)) {
            picture_run(&mut out, run, top, ink, ground);
        }
    }
    out.push_str("</svg>\n");
    out
}

const fn looks(cell: &Cell) -> (Color, Color, Modifier) {
    (cell.fg, cell.bg, cell.modifier)
}

type Rgb = (u8, u8, u8);

fn picture_run(out: &mut String, run: &[(u16, &Cell)], top: f64, ink: Rgb, ground: Rgb) {
    let Some((first, cell)) = run.first() else { return };
    let end = run.last().map_or(*first, |(x, cell)| x + cell.symbol().width().max(1) as u16);
    let left = f64::from(*first) * CELL_WIDTH;
    let (mut front, mut back) = (rgb(cell.fg).unwrap_or(ink), rgb(cell.bg).unwrap_or(ground));
    if cell.modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut front, &mut back);
    }
    if cell.modifier.contains(Modifier::DIM) {
        let mix = |one: u8, other: u8| ((u16::from(one) * 3 + u16::from(other) * 2) / 5) as u8;
        front = (mix(front.0, back.0), mix(front.1, back.1), mix(front.2, back.2));
    }
    // Writing to a String cannot fail; hence the results that are dropped.
    if back != ground {
        let _ = writeln!(
            out,
            "<rect x=\"{left:.2}\" y=\"{top:.2}\" width=\"{:.2}\" height=\"{CELL_HEIGHT}\" fill=\"{}\"/>",
            f64::from(end - first) * CELL_WIDTH,
            hex(back)
        );
    }
    let weight = if cell.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let decoration =
        if cell.modifier.contains(Modifier::UNDERLINED) { " text-decoration=\"underline\"" } else { "" };
    let slant = if cell.modifier.contains(Modifier::ITALIC) { " font-style=\"italic\"" } else { "" };
    // Each word has its own place and length, so that no font's widths can move the columns.
    let is_blank = |cell: &Cell| cell.symbol().trim().is_empty();
    for word in run.chunk_by(|(_, one), (_, other)| is_blank(one) == is_blank(other)) {
        let Some((first, _)) = word.first().filter(|(_, cell)| !is_blank(cell)) else { continue };
        let text: String = word.iter().map(|(_, cell)| cell.symbol()).collect();
        let _ = writeln!(
            out,
            "<text x=\"{:.2}\" y=\"{:.2}\" textLength=\"{:.2}\" fill=\"{}\"{weight}{decoration}{slant}>{}</text>",
            f64::from(*first) * CELL_WIDTH,
            top + BASELINE,
            text.width() as f64 * CELL_WIDTH,
            hex(front),
            escape(&text)
        );
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn hex((red, green, blue): Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// The rows of a buffer as cells with their column; the cell behind a wide character is left out.
fn rows(buffer: &Buffer) -> impl Iterator<Item = impl Iterator<Item = (u16, &Cell)>> {
    let width = usize::from(buffer.area.width.max(1));
    buffer.content.chunks(width).map(|row| {
        let mut covered = 0;
        row.iter().enumerate().filter_map(move |(x, cell)| {
            if covered > 0 {
                covered -= 1;
                return None;
            }
            covered = cell.symbol().width().saturating_sub(1);
            Some((x as u16, cell))
        })
    })
}

/// The usual colours of the sixteen names.
const NAMED: [Rgb; 16] = [
    (0, 0, 0),
    (205, 49, 49),
    (13, 188, 121),
    (229, 229, 16),
    (36, 114, 200),
    (188, 63, 188),
    (17, 168, 205),
    (229, 229, 229),
    (102, 102, 102),
    (241, 76, 76),
    (35, 209, 139),
    (245, 245, 67),
    (59, 142, 234),
    (214, 112, 214),
    (41, 184, 219),
    (255, 255, 255),
];

const fn ansi_number(color: Color) -> u8 {
    match color {
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
        _ => 0,
    }
}

const fn rgb(color: Color) -> Option<Rgb> {
    match color {
        Color::Reset => None,
        Color::Rgb(red, green, blue) => Some((red, green, blue)),
        Color::Indexed(index) => Some(indexed(index)),
        named => Some(NAMED[ansi_number(named) as usize]),
    }
}

const fn rgb_of_theme(color: ThemeColor) -> Rgb {
    match color {
        ThemeColor::Rgb(red, green, blue) => (red, green, blue),
        ThemeColor::Ansi(index) | ThemeColor::Indexed(index) => indexed(index),
    }
}

/// A colour of the 256-colour table.
const fn indexed(index: u8) -> Rgb {
    match index {
        0..=15 => NAMED[index as usize],
        16..=231 => {
            const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
            let cube = index as usize - 16;
            (STEPS[cube / 36], STEPS[cube / 6 % 6], STEPS[cube % 6])
        }
        232.. => {
            let gray = 8 + 10 * (index - 232);
            (gray, gray, gray)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::{layout::Rect, style::Style};

    fn buffer() -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 2));
        buffer.set_string(0, 0, "a<b", Style::new().fg(Color::Rgb(1, 2, 3)).add_modifier(Modifier::BOLD));
        buffer.set_string(0, 1, "日本", Style::new().fg(Color::LightRed).bg(Color::Indexed(17)));
        buffer
    }

    #[test]
    fn text_keeps_wide_characters_and_drops_blank_ends() {
        assert_eq!(to_text(&buffer()), "a<b\n日本\n");
    }

    #[test]
    fn terminal_sequences_say_colours_and_weight() {
        assert_eq!(
            to_ansi(&buffer()),
            "\u{1b}[0;1;38;2;1;2;3ma<b\u{1b}[0m     \u{1b}[0m\n\u{1b}[0;91;48;5;17m日本\u{1b}[0m    \u{1b}[0m\n"
        );
    }

    #[test]
    fn the_picture_is_escaped_and_places_every_character() {
        let svg = to_svg(&buffer(), &Theme::built_in("dark"));
        assert!(svg.contains(">a&lt;b</text>"), "{svg}");
        assert!(svg.contains("x=\"0.00\" y=\"13.00\" textLength=\"25.29\""), "{svg}");
        assert!(svg.contains("fill=\"#00005f\""), "{svg}");
    }
}
