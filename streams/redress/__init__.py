"""Redress: find the call that somebody asks about, and lift what stands against its number."""
