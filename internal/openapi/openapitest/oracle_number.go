package openapitest

import (
	"regexp"
	"strconv"
	"strings"
)

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// canonicalYAMLNumber is a number of YAML in the form that equal numbers share.
func canonicalYAMLNumber(literal string) string {
	if jsonNumber.MatchString(literal) {
		return canonicalNumber(literal)
	}
	plain := strings.ReplaceAll(literal, "_", "")
	if i, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return canonicalNumber(strconv.FormatInt(i, 10))
	}
	if u, err := strconv.ParseUint(plain, 0, 64); err == nil {
		return canonicalNumber(strconv.FormatUint(u, 10))
	}
	return canonicalNumber(plain)
}

// canonicalNumber writes a decimal number as digits without zeros at the ends, and an exponent: 1, 1.0 and 10e-1 are
// 1e0. All digits are kept. What is no decimal number stays as it is.
func canonicalNumber(literal string) string {
	mantissa, power, hasPower := strings.Cut(strings.ToLower(literal), "e")
	exponent := int64(0)
	if hasPower {
		var err error
		if exponent, err = strconv.ParseInt(strings.TrimPrefix(power, "+"), 10, 64); err != nil {
			return literal
		}
	}
	sign := ""
	if rest, ok := strings.CutPrefix(mantissa, "-"); ok {
		sign, mantissa = "-", rest
	}
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(mantissa, "+"), ".")
	digits := whole + fraction
	if strings.Trim(digits, "0123456789") != "" {
		return literal
	}
	exponent -= int64(len(fraction))
	digits = strings.TrimLeft(digits, "0")
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0"
	}
	exponent += int64(len(digits) - len(short))
	return sign + short + "e" + strconv.FormatInt(exponent, 10)
}

// lessNumber compares two canonical numbers.
func lessNumber(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x < y
}
