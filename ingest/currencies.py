"""ISO 4217: which currency codes exist and how many decimal places each one has.

Belongs here: the one table Python asks when it reads minor units or checks a code. Stays out:
rates, rounding rules, provider exceptions (those are the connector's). The dbt seed
`currency_exponents.csv` says the same to SQL; a test keeps the two equal.
"""

from __future__ import annotations

from typing import Final

_TWO_PLACES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD
CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD
MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP
PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS
TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG
"""
_NO_PLACES = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_PLACES = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_PLACES = "CLF UYW"

EXPONENTS: Final[dict[str, int]] = {
    code: places
    for places, codes in (
        (2, _TWO_PLACES),
        (0, _NO_PLACES),
        (3, _THREE_PLACES),
        (4, _FOUR_PLACES),
    )
    for code in codes.split()
}
"""Code -> decimal places of its minor unit, currencies in use in 2026."""
