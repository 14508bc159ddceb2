"""2026年11月28日 19:00:47. Django's own form has no seconds, and does not group the digits of a number."""

DATE_FORMAT = SHORT_DATE_FORMAT = "Y年n月j日"
TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "Y年n月j日 H:i:s"
YEAR_MONTH_FORMAT = "Y年n月"
MONTH_DAY_FORMAT = "n月j日"
# statements in Chinese group by three
THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
