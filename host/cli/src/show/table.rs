//! Tables for people: columns that line up, nothing drawn around them, so that other tools can cut them.
//!
//! Knows nothing of what stands in them.

use comfy_table::{Table, presets};

/// The rows under their headings.
pub(crate) fn table<const N: usize>(heads: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(heads);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines = table.lines().map(|line| line.trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_with_their_last_word() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned);
        let shown = table(
            ["ID", "STATUS"],
            vec![row(["task-1", "done"]), row(["x", ""])],
        );
        assert_eq!(shown, "ID      STATUS\ntask-1  done\nx");
    }
}
