//! Where the panes are: pure geometry, shared by drawing, paging and the mouse.

/// A size in terminal cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// A rectangle in terminal cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Area {
    /// First column.
    pub x: u16,
    /// First row.
    pub y: u16,
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl Area {
    /// Whether a cell lies in it.
    pub const fn contains(self, column: u16, row: u16) -> bool {
        column >= self.x && column < self.x + self.width && row >= self.y && row < self.y + self.height
    }
}

/// The five panes of the Deck, in the order of their digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pane {
    /// Services.
    #[default]
    Inventory,
    /// The neighbourhood of the selected service.
    Graph,
    /// Pending changes.
    Changes,
    /// SLA compliance by project.
    Sla,
    /// Incidents and their clocks.
    Escalation,
}

impl Pane {
    /// All panes.
    pub const ALL: [Self; 5] = [Self::Inventory, Self::Graph, Self::Changes, Self::Sla, Self::Escalation];

    /// Its position, from 0.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its name in keymaps, actions and `snapshot --pane`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Graph => "graph",
            Self::Changes => "changes",
            Self::Sla => "sla",
            Self::Escalation => "escalation",
        }
    }

    /// The pane of a name or a digit from 1.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pane| pane.as_str() == text || text.parse() == Ok(pane.index() + 1))
    }
}

/// The least size at which anything useful fits.
pub const LEAST: Size = Size { width: 60, height: 20 };

/// Where everything is on a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Top strip.
    pub top: Area,
    /// Panes by [`Pane::index`]; an area of no rows is hidden (another pane is zoomed).
    pub panes: [Area; 5],
    /// Bottom strip.
    pub bottom: Area,
}

/// Rows of a pane that are not list rows: its title line and its column header.
pub const PANE_HEADER_ROWS: u16 = 2;

impl Layout {
    /// Lays the Deck out. With room for it (120×30) all five panes stand at fixed places, left
    /// inventory over changes, right graph, SLA and escalation. Below that the focused pane takes the
    /// upper part and the four others share the rest in two rows, so that all five stay in sight.
    pub fn new(size: Size, focus: Pane, zoom: Option<Pane>) -> Self {
        let strip = |y| Area { x: 0, y, width: size.width, height: 1.min(size.height) };
        let body = Area { x: 0, y: 1, width: size.width, height: size.height.saturating_sub(2) };
        let mut panes = [Area::default(); 5];
        if let Some(pane) = zoom {
            panes[pane.index()] = body;
        } else if size.width >= 120 && size.height >= 30 {
            let left = body.width * 56 / 100;
            let right = body.width - left - 1;
            let upper = body.height * 60 / 100;
            let graph = body.height * 38 / 100;
            let sla = body.height * 31 / 100;
            let x = left + 1;
            panes[Pane::Inventory.index()] = Area { width: left, height: upper, ..body };
            panes[Pane::Changes.index()] =
                Area { y: body.y + upper, width: left, height: body.height - upper, ..body };
            panes[Pane::Graph.index()] = Area { x, width: right, height: graph, ..body };
            panes[Pane::Sla.index()] = Area { x, y: body.y + graph, width: right, height: sla };
            panes[Pane::Escalation.index()] =
                Area { x, y: body.y + graph + sla, width: right, height: body.height - graph - sla };
        } else {
            let small = (body.height / 4).max(3);
            let main = body.height.saturating_sub(2 * small);
            panes[focus.index()] = Area { height: main, ..body };
            let half = body.width / 2;
            for (place, pane) in Pane::ALL.into_iter().filter(|pane| *pane != focus).enumerate() {
                let (column, row) = (place as u16 % 2, place as u16 / 2);
                panes[pane.index()] = Area {
                    x: if column == 0 { 0 } else { half + 1 },
                    y: body.y + main + row * small,
                    width: if column == 0 { half } else { body.width.saturating_sub(half + 1) },
                    height: small,
                };
            }
        }
        Self { top: strip(0), panes, bottom: strip(size.height.saturating_sub(1)) }
    }

    /// The area of a pane.
    pub const fn pane(&self, pane: Pane) -> Area {
        self.panes[pane.index()]
    }

    /// How many list rows a pane has room for.
    pub const fn rows(&self, pane: Pane) -> usize {
        self.pane(pane).height.saturating_sub(PANE_HEADER_ROWS) as usize
    }

    /// The pane at a cell.
    pub fn pane_at(&self, column: u16, row: u16) -> Option<Pane> {
        Pane::ALL.into_iter().find(|pane| self.pane(*pane).contains(column, row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_never_overlap_and_stay_on_the_screen_at_any_size() {
        for width in (0..220).step_by(7) {
            for height in 0..70 {
                for focus in Pane::ALL {
                    let size = Size { width, height };
                    let layout = Layout::new(size, focus, None);
                    if width < LEAST.width || height < LEAST.height {
                        continue;
                    }
                    for (index, one) in layout.panes.iter().enumerate() {
                        assert!(one.height >= 3, "{size:?} {focus:?} {index}");
                        assert!(
                            one.x + one.width <= width && one.y + one.height < height,
                            "{size:?} {index}"
                        );
                        for other in &layout.panes[index + 1..] {
                            let apart = one.x + one.width <= other.x
                                || other.x + other.width <= one.x
                                || one.y + one.height <= other.y
                                || other.y + other.height <= one.y;
                            assert!(apart, "{size:?}: {one:?} {other:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_zoomed_pane_takes_everything_between_the_strips() {
        let layout = Layout::new(Size { width: 80, height: 24 }, Pane::Sla, Some(Pane::Sla));
        assert_eq!(layout.pane(Pane::Sla), Area { x: 0, y: 1, width: 80, height: 22 });
        assert_eq!(layout.rows(Pane::Inventory), 0);
        assert_eq!(layout.pane_at(10, 10), Some(Pane::Sla));
    }
}
