/** The parser's error codes in our own words: its messages quote the file, and the file may hold secrets. */
import type { YAMLError } from 'yaml'

const messages: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  ALIAS_PROPS: 'an alias cannot have an anchor or a tag',
  BAD_ALIAS: 'expected a name after & or *',
  BAD_COLLECTION_TYPE: 'the tag does not fit the value',
  BAD_DIRECTIVE: 'a line that starts with % is a YAML directive; this one is not known',
  BAD_DQ_ESCAPE: 'an escape in "double quotes" is not known; use single quotes for text with backslashes',
  BAD_INDENT: 'the indentation does not fit, or a closing } or ] is missing',
  BAD_SCALAR_START: 'a value cannot start with this character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second "key: value" on one line; put the value in quotes or on lines of its own',
  BLOCK_IN_FLOW: 'indented blocks cannot stand inside { } or [ ]',
  KEY_OVER_1024_CHARS: 'the key is too long; a closing quote or a colon may be missing',
  MISSING_CHAR: 'a character is missing: a space after a colon, a comma, a closing quote or a bracket',
  MULTILINE_IMPLICIT_KEY: 'the key goes over several lines; a colon may be missing',
  MULTIPLE_ANCHORS: 'a value can have one anchor only',
  MULTIPLE_DOCS: 'the file holds more than one document; remove the --- line',
  MULTIPLE_TAGS: 'a value can have one tag only',
  NON_STRING_KEY: 'expected a plain word as the key',
  RESOURCE_EXHAUSTION: 'the file is nested too deeply',
  TAB_AS_INDENT: 'tabs cannot indent; use spaces',
  TAG_RESOLVE_FAILED: 'tags such as !name are not supported',
}

/** What the parser found, without a word of the file. */
export function syntaxMessage(error: YAMLError): string {
  return messages[error.code] ?? 'not valid YAML'
}
