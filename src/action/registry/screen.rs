//! The program itself, what is shown, the cursor, the inventory, plans and forms.

use super::{
    action, text, unknown,
    words::{COLUMN_CHANGES, COLUMN_WORDS, DIRECTIONS, direction, required},
};
use crate::{
    action::{
        available,
        command::{
            AppCommand, ColumnCommand, Command, CursorCommand, Direction, FormCommand, InventoryCommand,
            PlanCommand, ViewCommand,
        },
        spec::{ActionSpec, ArgumentKind},
    },
    model::layout::Pane,
};

pub(super) static ACTIONS: &[ActionSpec] = &[
    // The program
    action(
        "app.quit",
        "Quit",
        "Ends the console; while work is running it warns first, and a second time leaves the work unwatched.",
        |_| Ok(Command::App(AppCommand::Quit)),
    ),
    action("app.refresh", "Refresh", "Reads every source again, now.", |_| {
        Ok(Command::App(AppCommand::Refresh))
    }),
    // What is shown
    ActionSpec {
        arguments: &[required(
            "pane",
            "inventory, graph, changes, sla, escalation or cross-project",
            ArgumentKind::Text,
        )],
        ..action("view.focus", "Focus a pane", "Gives a pane the keys.", |arguments| {
            let text = text(arguments, "pane")?;
            Pane::parse(&text)
                .map(|pane| Command::View(ViewCommand::Focus(pane)))
                .ok_or_else(|| unknown("pane", &text, Pane::ALL.into_iter().map(Pane::as_str)))
        })
    },
    action("view.next", "Next pane", "Gives the next pane the keys.", |_| {
        Ok(Command::View(ViewCommand::Cycle(Direction::Next)))
    }),
    action("view.previous", "Previous pane", "Gives the previous pane the keys.", |_| {
        Ok(Command::View(ViewCommand::Cycle(Direction::Previous)))
    }),
    action(
        "view.zoom",
        "Zoom",
        "Gives the focused pane the whole screen; there, opens the row's details.",
        |_| Ok(Command::View(ViewCommand::Zoom)),
    ),
    ActionSpec {
        available: available::with_rows,
        ..action("view.details", "Details", "Opens everything about the row under the cursor.", |_| {
            Ok(Command::View(ViewCommand::Details))
        })
    },
    action(
        "view.back",
        "Back",
        "Closes what is on top, then leaves the zoom, then clears the filter.",
        |_| Ok(Command::View(ViewCommand::Back)),
    ),
    action("view.help", "Help", "Shows the keys that work here.", |_| Ok(Command::View(ViewCommand::Help))),
    action("view.palette", "Command palette", "Finds any action by name.", |_| {
        Ok(Command::View(ViewCommand::Palette))
    }),
    action("view.filter", "Filter", "Filters the focused pane by text, fuzzily.", |_| {
        Ok(Command::View(ViewCommand::Filter))
    }),
    ActionSpec {
        arguments: &[required("direction", "next or previous", DIRECTIONS)],
        available: available::with_catalog,
        ..action(
            "view.environment",
            "Switch environment",
            "Looks at (and acts on) another environment.",
            |arguments| Ok(Command::View(ViewCommand::Environment(direction(arguments)?))),
        )
    },
    ActionSpec {
        arguments: &[required("direction", "next or previous", DIRECTIONS)],
        available: available::on_cross_project,
        ..action(
            "cross.table",
            "Next table",
            "Gives another table of the cross-project page the keys.",
            |arguments| Ok(Command::View(ViewCommand::Table(direction(arguments)?))),
        )
    },
    action(
        "view.sources",
        "Sources",
        "Shows how every source stands, with its age and its failure in full.",
        |_| Ok(Command::View(ViewCommand::Sources)),
    ),
    action("view.submit", "Accept", "Accepts what the open overlay holds.", |_| {
        Ok(Command::View(ViewCommand::Submit))
    }),
    // The cursor
    action("cursor.down", "Down", "Moves the cursor one row down.", |_| {
        Ok(Command::Cursor(CursorCommand::By(1)))
    }),
    action("cursor.up", "Up", "Moves the cursor one row up.", |_| Ok(Command::Cursor(CursorCommand::By(-1)))),
    action("cursor.half-page-down", "Half a page down", "Moves the cursor half a page down.", |_| {
        Ok(Command::Cursor(CursorCommand::HalfPages(1)))
    }),
    action("cursor.half-page-up", "Half a page up", "Moves the cursor half a page up.", |_| {
        Ok(Command::Cursor(CursorCommand::HalfPages(-1)))
    }),
    action("cursor.page-down", "Page down", "Moves the cursor a page down.", |_| {
        Ok(Command::Cursor(CursorCommand::Pages(1)))
    }),
    action("cursor.page-up", "Page up", "Moves the cursor a page up.", |_| {
        Ok(Command::Cursor(CursorCommand::Pages(-1)))
    }),
    action("cursor.top", "Top", "Moves the cursor to the first row.", |_| {
        Ok(Command::Cursor(CursorCommand::Top))
    }),
    action("cursor.bottom", "Bottom", "Moves the cursor to the last row.", |_| {
        Ok(Command::Cursor(CursorCommand::Bottom))
    }),
    ActionSpec {
        available: available::with_rows,
        ..action("cursor.mark", "Mark", "Marks the row under the cursor, or takes the mark away.", |_| {
            Ok(Command::Cursor(CursorCommand::Mark))
        })
    },
    action("cursor.next-worry", "Next worry", "Moves the cursor to the next row that is not well.", |_| {
        Ok(Command::Cursor(CursorCommand::Worry(Direction::Next)))
    }),
    action(
        "cursor.previous-worry",
        "Previous worry",
        "Moves the cursor to the previous row that is not well.",
        |_| Ok(Command::Cursor(CursorCommand::Worry(Direction::Previous))),
    ),
    // The inventory
    action(
        "inventory.columns",
        "Choose columns",
        "Shows, hides, moves and widens the columns of the inventory, for this session.",
        |_| Ok(Command::Inventory(InventoryCommand::Columns)),
    ),
    ActionSpec {
        arguments: &[required("what", "what to do with the column", COLUMN_CHANGES)],
        available: available::with_columns,
        ..action("columns.change", "Change the column", "Changes the column under the cursor.", |arguments| {
            let command = match text(arguments, "what")?.as_str() {
                "toggle" => ColumnCommand::Toggle,
                "later" => ColumnCommand::Move(Direction::Next),
                "earlier" => ColumnCommand::Move(Direction::Previous),
                "wider" => ColumnCommand::Wider,
                "narrower" => ColumnCommand::Narrower,
                "sort" => ColumnCommand::Sort,
                "reset" => ColumnCommand::Reset,
                other => return Err(unknown("change of a column", other, COLUMN_WORDS.iter().copied())),
            };
            Ok(Command::Inventory(InventoryCommand::Column(command)))
        })
    },
    action(
        "inventory.sort",
        "Order by the next column",
        "Orders the inventory by the next of its columns; behind the last comes the order of worry again.",
        |_| Ok(Command::Inventory(InventoryCommand::Sort)),
    ),
    action("inventory.reverse", "Turn the order round", "Turns the order of the inventory round.", |_| {
        Ok(Command::Inventory(InventoryCommand::Reverse))
    }),
    action(
        "inventory.group",
        "Group the inventory",
        "Groups the inventory by project, owner, tier, state of life, or nothing, one after the other.",
        |_| Ok(Command::Inventory(InventoryCommand::Group)),
    ),
    action("inventory.fold", "Fold the group", "Folds the group at the cursor, or opens it again.", |_| {
        Ok(Command::Inventory(InventoryCommand::Fold))
    }),
    action("inventory.fold-all", "Fold all groups", "Folds all groups, or opens them again.", |_| {
        Ok(Command::Inventory(InventoryCommand::FoldAll))
    }),
    ActionSpec {
        arguments: &[required("preset", "a filter of quarterdeck.toml", ArgumentKind::Preset)],
        available: available::with_presets,
        ..action(
            "inventory.preset",
            "Filter by a preset",
            "Filters the inventory by a preset of quarterdeck.toml.",
            |arguments| Ok(Command::Inventory(InventoryCommand::Preset(text(arguments, "preset")?))),
        )
    },
    // Plans and forms
    ActionSpec {
        available: available::with_plan,
        ..action("plan.confirm", "Confirm the plan", "Runs the plan that is shown.", |_| {
            Ok(Command::Plan(PlanCommand::Confirm))
        })
    },
    ActionSpec {
        available: available::with_plan,
        ..action("plan.focus", "Cancel or Run", "Moves between the Cancel and Run buttons.", |_| {
            Ok(Command::Plan(PlanCommand::Focus))
        })
    },
    ActionSpec {
        available: available::with_plan,
        ..action("plan.press", "Press the button", "Presses the focused button.", |_| {
            Ok(Command::Plan(PlanCommand::Press))
        })
    },
    ActionSpec {
        available: available::with_form,
        ..action(
            "form.submit",
            "Go on with the form",
            "Goes on with what the form holds, wherever the cursor is.",
            |_| Ok(Command::Form(FormCommand::Submit)),
        )
    },
    ActionSpec {
        available: available::with_form,
        ..action("form.next", "Next field", "Moves to the next field.", |_| {
            Ok(Command::Form(FormCommand::Field(Direction::Next)))
        })
    },
    ActionSpec {
        available: available::with_form,
        ..action("form.previous", "Previous field", "Moves to the previous field.", |_| {
            Ok(Command::Form(FormCommand::Field(Direction::Previous)))
        })
    },
    ActionSpec {
        arguments: &[required("direction", "next or previous", DIRECTIONS)],
        available: available::with_form,
        ..action("form.choose", "Choose", "Takes the next or previous choice of the field.", |arguments| {
            Ok(Command::Form(FormCommand::Choose(direction(arguments)?)))
        })
    },
];
