//! A braille sparkline: two samples per cell, four levels high.

/// The dots of a column of a braille cell that is filled to a level of 1 to 4, left and right.
const LEFT: [u32; 5] = [0x00, 0x40, 0x44, 0x46, 0x47];
const RIGHT: [u32; 5] = [0x00, 0x80, 0xa0, 0xb0, 0xb8];

/// The newest samples in `width` cells, scaled so that `full` reaches the top. A sample above nothing always
/// shows; without samples it is empty.
pub fn sparkline(samples: &[f64], width: u16, full: f64) -> String {
    let room = usize::from(width) * 2;
    let shown = &samples[samples.len().saturating_sub(room)..];
    let level = |sample: f64| -> usize {
        if !sample.is_finite() || sample < 0.0 || full <= 0.0 {
            return 0;
        }
        // The ground line is drawn even for zero, so that a flat line is seen as a line.
        ((sample / full * 4.0).ceil() as usize).clamp(1, 4)
    };
    let mut levels: Vec<usize> = shown.iter().copied().map(level).collect();
    if levels.len() % 2 == 1 {
        levels.insert(0, 0);
    }
    levels
        .chunks_exact(2)
        .filter_map(|pair| char::from_u32(0x2800 + LEFT[pair[0]] + RIGHT[pair[1]]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_become_columns_of_dots() {
        for (samples, width, shown) in [
            (&[][..], 4, ""),
            (&[0.0, 0.0], 4, "⣀"),
            (&[0.0, 0.25, 0.5, 0.75, 1.0, 9.0], 4, "⣀⣴⣿"),
            (&[1.0, 1.0, 1.0, 0.0, 0.0], 1, "⣀"),
            (&[1.0], 3, "⢸"),
            (&[f64::NAN, 1.0], 3, "⢸"),
        ] {
            assert_eq!(sparkline(samples, width, 1.0), shown, "{samples:?}");
        }
    }
}
