"""The functions that an expression in a spec may call: DuckDB's scalar ones that give the same for the same input.

Not here, on purpose: what rolls dice (`random`, `uuid`), what has a clock of its own (`age`, `get_current_timestamp`),
what looks at the session, the disk or the environment (`current_setting`, `getenv`, `read_text`), what waits.
"""

from __future__ import annotations

CLOCKS = frozenset({"now", "today", "current_date", "current_timestamp"})
"""All of them mean the run's one clock."""

_TEXT = """
    ascii bit_length char_length character_length chr concat concat_ws contains damerau_levenshtein ends_with format
    hamming hash instr jaccard jaro_similarity jaro_winkler_similarity lcase left length levenshtein lower lpad ltrim
    md5 nfc_normalize octet_length ord position prefix printf regexp_escape regexp_extract regexp_full_match
    regexp_matches regexp_replace repeat replace reverse right rpad rtrim sha1 sha256 split split_part starts_with
    str_split string_split strip_accents strlen strpos substr substring suffix to_base64 from_base64 translate trim
    ucase unicode upper url_decode url_encode
"""
_NUMBERS = """
    abs acos asin atan atan2 bit_count cbrt ceil ceiling cos cot degrees even exp factorial fdiv floor fmod gamma gcd
    greatest isfinite isinf isnan lcm least lgamma ln log log10 log2 mod pi pow power radians round sign sin sqrt tan
    trunc xor
"""
_TIME = """
    century date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname
    dayofmonth dayofweek dayofyear decade epoch epoch_ms epoch_us era extract hour isodow isoyear julian last_day
    make_date make_time make_timestamp microsecond millennium millisecond minute month monthname quarter second
    strftime strptime time_bucket timezone to_days to_hours to_minutes to_months to_seconds to_timestamp to_weeks
    to_years try_strptime week weekday weekofyear year yearweek
"""
_CHOICES = "cast coalesce if ifnull nullif try_cast"
_LISTS = """
    array_contains array_length flatten json_array_length json_contains json_exists json_extract json_extract_string
    json_keys json_type json_valid len list_contains list_distinct list_has list_has_all list_has_any list_position
    list_sort list_unique list_value
"""

ALLOWED = CLOCKS.union(*map(str.split, (_TEXT, _NUMBERS, _TIME, _CHOICES, _LISTS)))
"""Every function's name, in small letters."""

DICE = frozenset({"gen_random_uuid", "rand", "random", "setseed", "uuid", "uuidv4", "uuidv7"})
"""What gives something else every time."""

_GRAMMAR = """
    all and any as between by case distinct else end escape filter from glob ilike in interval is like not on or
    similar then to when array struct char varchar text decimal numeric float double timestamp time date bit
"""
WORDS = frozenset(_GRAMMAR.split())
"""What may stand before a bracket without being a call."""
