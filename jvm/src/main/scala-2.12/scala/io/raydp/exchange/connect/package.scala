package io.raydp.exchange

import io.raydp.collections.LaterMethods

package object connect extends LaterMethods
