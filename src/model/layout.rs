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
    /// What a pane of this area has below its title line, without the cells at both sides.
    #[must_use]
    pub const fn content(self) -> Self {
        Self {
            x: self.x + 1,
            y: self.y + 1,
            width: self.width.saturating_sub(2),
            height: self.height.saturating_sub(1),
        }
    }

    /// Whether a cell lies in it.
    pub const fn contains(self, column: u16, row: u16) -> bool {
        column >= self.x && column < self.x + self.width && row >= self.y && row < self.y + self.height
    }
}

/// The five panes of the Deck, in the order of their digits, and the pages behind the others.
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
    /// What projects mean for each other: a page that always has the whole screen.
    CrossProject,
    /// Freezes, windows and what was done, by day: a page.
    Calendar,
    /// All changes from validation to production: a page.
    Pipeline,
    /// Deployments that run, wait, or ended lately, by service over seven days: a page.
    Deployments,
}

impl Pane {
    /// The panes that stand side by side.
    pub const DECK: [Self; 5] = [Self::Inventory, Self::Graph, Self::Changes, Self::Sla, Self::Escalation];

    /// All panes.
    pub const ALL: [Self; 9] = [
        Self::Inventory,
        Self::Graph,
        Self::Changes,
        Self::Sla,
        Self::Escalation,
        Self::CrossProject,
        Self::Calendar,
        Self::Pipeline,
        Self::Deployments,
    ];

    /// Whether it stands beside others; a page has the screen for itself.
    pub const fn is_in_deck(self) -> bool {
        !matches!(self, Self::CrossProject | Self::Calendar | Self::Pipeline | Self::Deployments)
    }

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
            Self::CrossProject => "cross-project",
            Self::Calendar => "calendar",
            Self::Pipeline => "pipeline",
            Self::Deployments => "deployments",
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
    pub panes: [Area; Pane::ALL.len()],
    /// Bottom strip.
    pub bottom: Area,
}

/// Rows of a pane that are not list rows: its title line and its column header.
pub const PANE_HEADER_ROWS: u16 = 2;

/// From how many rows on the tables of the cross-project page stand below each other.
const STACKED: u16 = 40;

/// Rows of a table that does not have the keys, where they do.
const RESTING: u16 = 8;

impl Layout {
    /// Lays the Deck out. With room for it (120×30) all five panes stand at fixed places, left
    /// inventory over changes, right graph, SLA and escalation. Below that the focused pane takes the
    /// upper part and the four others share the rest in two rows, so that all five stay in sight.
    pub fn new(size: Size, focus: Pane, zoom: Option<Pane>) -> Self {
        let strip = |y| Area { x: 0, y, width: size.width, height: 1.min(size.height) };
        let body = Area { x: 0, y: 1, width: size.width, height: size.height.saturating_sub(2) };
        let mut panes = [Area::default(); Pane::ALL.len()];
        if let Some(pane) = zoom.or_else(|| (!focus.is_in_deck()).then_some(focus)) {
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
            for (place, pane) in Pane::DECK.into_iter().filter(|pane| *pane != focus).enumerate() {
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
        let height = self.pane(pane).height;
        let header = match pane {
            // Beside the page's own title, the active table has one and its column header; where the tables
            // stand below each other, a blank line keeps them apart.
            Pane::CrossProject if height >= STACKED => 1 + 2 * RESTING + PANE_HEADER_ROWS + 1,
            Pane::CrossProject => 1 + PANE_HEADER_ROWS,
            // Below the list are the chosen one, the timeline and the figures.
            Pane::Deployments => PANE_HEADER_ROWS + height * 2 / 3,
            _ => PANE_HEADER_ROWS,
        };
        height.saturating_sub(header) as usize
    }

    /// Where the tables of the cross-project page are: below each other where there is room, else only the one
    /// with index `active`. Each begins with its title.
    pub fn tables(&self, active: usize) -> [Area; 3] {
        let page = self.pane(Pane::CrossProject);
        let body = Area { y: page.y + 1, height: page.height.saturating_sub(1), ..page };
        let mut tables = [Area::default(); 3];
        if page.height < STACKED {
            tables[active.min(2)] = body;
            return tables;
        }
        let mut y = body.y;
        for (index, table) in tables.iter_mut().enumerate() {
            let height = if index == active.min(2) { body.height - 2 * RESTING } else { RESTING };
            *table = Area { y, height, ..body };
            y += height;
        }
        tables
    }

    /// The first line of a pane's list; `table` is the active one of the cross-project page.
    pub fn first_row(&self, pane: Pane, table: usize) -> u16 {
        let area =
            if pane == Pane::CrossProject { self.tables(table)[table.min(2)] } else { self.pane(pane) };
        area.y + PANE_HEADER_ROWS
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
                for focus in Pane::DECK {
                    let size = Size { width, height };
                    let layout = Layout::new(size, focus, None);
                    if width < LEAST.width || height < LEAST.height {
                        continue;
                    }
                    for (index, one) in layout.panes[..Pane::DECK.len()].iter().enumerate() {
                        assert!(one.height >= 3, "{size:?} {focus:?} {index}");
                        assert!(
                            one.x + one.width <= width && one.y + one.height < height,
                            "{size:?} {index}"
                        );
                        for other in &layout.panes[index + 1..Pane::DECK.len()] {
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
    fn a_page_has_the_screen_for_itself_and_its_tables_share_it_where_there_is_room() {
        for height in LEAST.height..80 {
            let size = Size { width: 100, height };
            let layout = Layout::new(size, Pane::CrossProject, None);
            assert_eq!(layout, Layout::new(size, Pane::CrossProject, Some(Pane::CrossProject)));
            let page = layout.pane(Pane::CrossProject);
            assert_eq!((page.y, page.height), (1, height - 2));
            assert!(Pane::DECK.into_iter().all(|pane| layout.pane(pane).height == 0));
            for active in 0..3 {
                let tables = layout.tables(active);
                let heights: u16 = tables.iter().map(|table| table.height).sum();
                assert_eq!(heights, page.height - 1, "all but the title");
                let apart = usize::from(tables.iter().all(|table| table.height > 0));
                assert_eq!(usize::from(tables[active].height), layout.rows(Pane::CrossProject) + 2 + apart);
                assert!(layout.rows(Pane::CrossProject) >= 10, "{height}");
                assert_eq!(layout.first_row(Pane::CrossProject, active), tables[active].y + 2);
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
