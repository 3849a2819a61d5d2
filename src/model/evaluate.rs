//! Evaluates predicates in memory, with the same three-valued answers as the SQL that adapters make of them.
