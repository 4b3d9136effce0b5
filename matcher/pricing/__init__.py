"""What an offer costs: schedules, interest, fees, the annualised all-in rate; exact for a few, fast for a catalogue."""

from matcher.pricing.columns import TOLERANCE, PricingColumns, all_in_rates, pricing_columns
from matcher.pricing.cost import cost_of, offer_terms, price_offer, price_offers, schedule_of, service_cost
from matcher.pricing.schedules import DAY_COUNTS, SCHEDULES, Payment, Terms, payment_days, repayment_schedule

__all__ = [
    "DAY_COUNTS",
    "SCHEDULES",
    "TOLERANCE",
    "Payment",
    "PricingColumns",
    "Terms",
    "all_in_rates",
    "cost_of",
    "offer_terms",
    "payment_days",
    "price_offer",
    "price_offers",
    "pricing_columns",
    "repayment_schedule",
    "schedule_of",
    "service_cost",
]
