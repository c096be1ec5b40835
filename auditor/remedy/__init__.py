"""Findings -> plan -> ansible-runner -> scan again."""
