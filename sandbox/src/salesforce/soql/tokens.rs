//! The words, texts and signs of a query.

use super::Malformed;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Word(String),
    Text(String),
    Symbol(&'static str),
    End,
}

pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, Malformed> {
    const SYMBOLS: [&str; 11] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ",", ";"];
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
        } else if first == '\'' {
            let (literal, length) = quoted(&text[at..]).ok_or_else(|| Malformed {
                at,
                met: "'".to_owned(),
                is_of_soql: false,
            })?;
            tokens.push((Token::Text(literal), at));
            at += length;
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| text[at..].starts_with(**symbol))
        {
            tokens.push((Token::Symbol(symbol), at));
            at += symbol.len();
        } else {
            let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+' | ':');
            let length = text[at..].find(|c| !is_word(c)).unwrap_or(text.len() - at);
            if length == 0 {
                return Err(Malformed { at, met: first.to_string(), is_of_soql: false });
            }
            tokens.push((Token::Word(text[at..at + length].to_owned()), at));
            at += length;
        }
    }
    tokens.push((Token::End, at));
    Ok(tokens)
}

/// A text in single quotes at the beginning, and how long it is with them.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut literal = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((index, character)) = characters.next() {
        match character {
            '\'' => return Some((literal, index + 1)),
            '\\' => {
                let escaped = match characters.next()?.1 {
                    'n' | 'N' => '\n',
                    'r' | 'R' => '\r',
                    't' | 'T' => '\t',
                    escaped @ ('\'' | '"' | '\\') => escaped,
                    // `LIKE` tells it from a wildcard.
                    wildcard @ ('_' | '%') => {
                        literal.push('\\');
                        wildcard
                    }
                    'u' => {
                        let code: String =
                            characters.by_ref().take(4).map(|(_, digit)| digit).collect();
                        u32::from_str_radix(&code, 16)
                            .ok()
                            .filter(|_| code.len() == 4)
                            .and_then(char::from_u32)?
                    }
                    _ => return None,
                };
                literal.push(escaped);
            }
            character => literal.push(character),
        }
    }
    None
}
