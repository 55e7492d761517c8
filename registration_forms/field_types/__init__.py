"""The types of questions. To add one, write a file with a ``FieldType`` and add the class to the list here.

Three tests then fail until they know the type, and tell what to add: ``test_field_types`` (a typed text and the stored value),
``answers/test_properties`` (random texts), and ``sales/answers/test_history`` (a question in a published form).
"""

from .address import Address
from .base import FieldType, QuestionContext
from .birth_date import BirthDate
from .choices import Dropdown, MultipleChoice, SingleChoice
from .consent import Consent
from .country import Country
from .dates import Date, DateTime, Time
from .email import Email
from .number import Number
from .phone import Phone
from .static_text import StaticText
from .text import LongText, Text
from .url import Url
from .yes_no import YesNo

_ALL = (
    Text, LongText, Number, Email, Phone, Date, Time, DateTime, BirthDate, YesNo, Consent, SingleChoice, Dropdown, MultipleChoice, Country,
    Address, Url, StaticText,
)  # fmt: skip
TYPES: dict[str, FieldType] = {field_type.code: field_type() for field_type in _ALL}
CHOICES = [(code, field_type.label) for code, field_type in TYPES.items()]

__all__ = ["CHOICES", "TYPES", "FieldType", "QuestionContext"]
