//! Where in the condition's text a node stands.

use std::ops::Range;

use cel::common::ast::{Expr, IdedExpr};

use super::lower::Lowering;

impl Lowering<'_> {
    /// The bytes that a node was read from: its own token, the nodes inside, and what closes it.
    pub(super) fn span(&self, node: &IdedExpr) -> Range<usize> {
        let mut span = self.token(node);
        let mut take = |inner: &IdedExpr| {
            let inner = self.span(inner);
            span = span.start.min(inner.start)..span.end.max(inner.end);
        };
        match &node.expr {
            Expr::Call(call) => {
                call.target.iter().for_each(|target| take(target));
                call.args.iter().for_each(&mut take);
                if call.func_name.starts_with(char::is_alphabetic) {
                    span.start = span.start.min(self.name_before(self.token(node).start, &call.func_name));
                    span.end = self.through(span.end, ")");
                }
            }
            Expr::Select(select) => {
                take(&select.operand);
                span.end = self.through(span.end, &select.field);
            }
            Expr::List(list) => {
                list.elements.iter().for_each(&mut take);
                span.end = self.through(span.end, "]");
            }
            Expr::Comprehension(comprehension) => take(&comprehension.iter_range),
            _ => {}
        }
        span
    }

    fn token(&self, node: &IdedExpr) -> Range<usize> {
        let (start, last) = self.places.offset_for(node.id).unwrap_or((0, 0));
        let end = (last as usize + 1).min(self.text.len());
        (start as usize).min(end)..end
    }

    fn name_before(&self, bracket: usize, name: &str) -> usize {
        let before = self.text.get(..bracket).unwrap_or_default().trim_end();
        if before.ends_with(name) { before.len() - name.len() } else { bracket }
    }

    fn through(&self, from: usize, closing: &str) -> usize {
        let rest = self.text.get(from..).unwrap_or_default();
        let skipped = rest.len() - rest.trim_start().len();
        if rest[skipped..].starts_with(closing) { from + skipped + closing.len() } else { from }
    }
}
